"""Tools and structure, guaranteed: what a client wants of an answer's form becomes a grammar that the engine follows,
and calls in an answer's text become calls.

`prepare` makes a chat's body ready and says how its answer is read (`spoken.py`); `grammar.py` turns a schema into a
grammar, with `schema.py` to check it, `merge.py` to join schemas, `automaton.py` for patterns, formats and numbers.
"""

from tinderbox.serve.structure.prepare import FIELDS, Prepared, prepare

__all__ = ["FIELDS", "Prepared", "prepare"]
