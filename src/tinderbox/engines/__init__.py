"""What answers: one child process for each loaded model, held in a pool that knows which are busy.

`engine.py` is the protocol, `llamacpp.py` the real one (its process is `child.py`), `echo.py` its in-memory twin.
"""
