"""Tinderbox: the software of a desk-side AI machine.

One box runs on this machine (`tinderbox up`). It keeps models in a store, starts a child process for each one
that is loaded, and serves them over HTTP in the dialects that existing tools speak. Start reading at `daemon.py`,
where the parts are built and joined.
"""

__version__ = "0.1.0"
