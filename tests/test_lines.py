"""Where the keys of a TOML file stand."""

import tomllib
from collections.abc import Iterator
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from tinderbox.lines import Key, find_lines, line_of

HARD = '''\
# a = 1
"quoted \\u0041.key" = 'x = [1]' # b = 2
text = """
[no.table]
c = 3 \\"""
"""
raw = \'\'\'
d = "4"\'\'\'\'
dotted . "key" = { e = [1, {f = "}"}], g.h = 2 }
list = [
  "one", # ]
  [2,
   3],
]

  [ table . 'inner' ]
when = 1979-05-27 07:32:00
[[many]]
i = 1
[[many]]
i = 2
[many.below]
j = 3
'''


def keys_of(value: Any, above: Key = ()) -> Iterator[Key]:
    match value:
        case dict():
            for name, inner in value.items():
                yield (*above, name)
                yield from keys_of(inner, (*above, name))
        case list():
            for place, inner in enumerate(value):
                yield (*above, place)
                yield from keys_of(inner, (*above, place))


def test_each_key_is_found_on_its_line() -> None:
    lines = find_lines(HARD)

    assert lines["quoted A.key",] == 2
    assert (lines["text",], lines["raw",]) == (3, 7)
    assert lines["dotted", "key", "e", 1, "f"] == lines["dotted", "key", "g", "h"] == 9
    assert (lines["list", 0], lines["list", 1], lines["list", 1, 1]) == (11, 12, 13)
    assert (lines["table", "inner"], lines["table", "inner", "when"]) == (16, 17)
    assert (lines["many", 0, "i"], lines["many", 1, "i"], lines["many", 1, "below", "j"]) == (19, 21, 23)


def test_every_key_that_is_read_has_a_line() -> None:
    assert set(keys_of(tomllib.loads(HARD))) - set(find_lines(HARD)) == set()
    assert line_of(find_lines(HARD), ("table", "inner", "gone")) == 16


@given(st.lists(st.sampled_from(HARD.split("\n")), max_size=12).map("\n".join))
def test_no_text_that_is_toml_is_too_hard(text: str) -> None:
    try:
        keys = set(keys_of(tomllib.loads(text)))
    except tomllib.TOMLDecodeError:
        return

    lines = find_lines(text)

    assert {key for key in keys if line_of(lines, key) is None} == set()
