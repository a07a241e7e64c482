"""`python -m tinderbox`."""

from tinderbox.cli import main

main()
