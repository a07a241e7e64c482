"""The command line: words in, words out. What takes long to import is imported by the command that needs it."""

from tinderbox.cli.main import main

__all__ = ["main"]
