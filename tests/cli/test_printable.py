"""What a model says cannot command the terminal."""

from tinderbox.cli.printable import printable


def test_escape_sequences_lose_their_escape() -> None:
    assert printable("\x1b[2Jgone\x07\x9b31m") == "[2Jgone31m"


def test_words_in_any_script_and_their_line_ends_stay() -> None:
    assert printable("für\tالعربية\n日本語 🙂") == "für\tالعربية\n日本語 🙂"
