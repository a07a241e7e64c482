"""Heavy libraries, each set in a Python environment of its own, so that the box itself stays small.

A `Capability` (capability.py) is a set with a name; its `Lock` (lock.py) ships with the package and names every
version and checksum. `add` (make.py) makes an `Environment` (environment.py) of it under the home folder; `find` gives
the one that was made, with commands whose processes have those libraries and this very installation's `tinderbox`.
"""

from tinderbox.environments.environment import Environment, find

__all__ = ["Environment", "find"]
