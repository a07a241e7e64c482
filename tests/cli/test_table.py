"""Rows as a person reads them."""

from tinderbox.cli.table import format_table


def test_columns_are_aligned_and_numbers_stand_to_the_right() -> None:
    table = format_table(("NAME", "SIZE"), [("a", "1.5 GB"), ("longer", "20 MB")], right=frozenset({1}))

    assert table.splitlines() == ["NAME      SIZE", "a       1.5 GB", "longer   20 MB"]
