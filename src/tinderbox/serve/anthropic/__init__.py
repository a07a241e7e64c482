"""The Anthropic dialect: what its clients send (`requests`), as a chat (`conversation`), answered in `blocks`."""

from tinderbox.serve.anthropic.routes import anthropic_routes

__all__ = ["anthropic_routes"]
