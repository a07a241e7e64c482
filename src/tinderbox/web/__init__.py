"""The page at `/`: a client of the HTTP API that happens to be served by the same box.

Everything it is made of lies in `static/` as it is sent: no build step, libraries kept in `static/vendor` with
their licences, nothing loaded from elsewhere. `page_routes()` is all that the box needs to know of it.
"""

from tinderbox.web.page import page_routes

__all__ = ["page_routes"]
