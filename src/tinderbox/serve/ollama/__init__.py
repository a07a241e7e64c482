"""The Ollama dialect: what its clients send (`requests`), as a chat (`conversation`), answered in `lines`."""

from tinderbox.serve.ollama.routes import ollama_routes

__all__ = ["ollama_routes"]
