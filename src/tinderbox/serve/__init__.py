"""The HTTP API, one file a group of routes. `make_app` puts them together; `daemon.py` runs what it makes."""
