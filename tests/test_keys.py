"""Keys in the state: made, read again, revoked, forgotten."""

from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest

from tinderbox.errors import Conflict, NotFound, WrongUsage
from tinderbox.keys import (
    Limits,
    add_key,
    last_change,
    make_key,
    own_key,
    own_key_file,
    read_duration,
    read_keys,
    read_tokens,
    revoke_key,
    split,
    write_tokens,
)

NOW = datetime(2026, 5, 1, 12, tzinfo=UTC)
DAY = date(2026, 5, 1)


def test_a_key_is_read_as_it_was_made(tmp_path: Path) -> None:
    limits = Limits(requests_per_minute=60, tokens_per_day=1000, at_once=2)
    key, _ = make_key("laptop", ["chat", "jobs"], limits, lasts=timedelta(days=30), now=NOW)

    add_key(tmp_path, key)

    assert read_keys(tmp_path) == [key]


def test_its_secret_opens_it_and_no_other_does() -> None:
    key, text = make_key("laptop")

    name, secret = split(text)

    assert name == key.id
    assert key.opens(secret)
    assert not key.opens(secret[:-1])


def test_of_the_secret_nothing_is_in_the_home(tmp_path: Path) -> None:
    key, text = make_key("laptop")

    add_key(tmp_path, key)

    kept = b"".join(file.read_bytes() for file in tmp_path.iterdir())
    assert key.id.encode() in kept
    assert split(text)[1].encode() not in kept


@pytest.mark.parametrize("text", ["", "tb", "sk-123", "tb_", "xy_a_b"])
def test_what_has_not_the_form_of_a_key_has_no_secret(text: str) -> None:
    assert split(text)[1] == ""


def test_a_revoked_key_stays_listed_and_its_name_can_be_given_again(tmp_path: Path) -> None:
    add_key(tmp_path, make_key("laptop", now=NOW)[0])
    with pytest.raises(Conflict, match="There is a key 'laptop'"):
        add_key(tmp_path, make_key("laptop", now=NOW)[0])

    revoke_key(tmp_path, "laptop", now=NOW)
    states = [key.state(NOW) for key in read_keys(tmp_path)]
    add_key(tmp_path, make_key("laptop", now=NOW)[0])

    assert states == ["revoked"]
    assert [key.state(NOW) for key in read_keys(tmp_path)] == ["valid"]


def test_a_forgotten_key_leaves_no_trace(tmp_path: Path) -> None:
    key, _ = make_key("laptop", now=NOW)
    add_key(tmp_path, key)
    write_tokens(tmp_path, DAY, {key.id: 5})

    revoke_key(tmp_path, "laptop", forget=True)

    assert read_keys(tmp_path) == []
    assert read_tokens(tmp_path, DAY) == {}


def test_a_key_ends_by_itself() -> None:
    key, _ = make_key("laptop", lasts=timedelta(hours=1), now=NOW)

    assert key.state(NOW + timedelta(minutes=59)) == "valid"
    assert key.state(NOW + timedelta(minutes=60)) == "expired"


def test_an_unknown_key_is_told_the_nearest(tmp_path: Path) -> None:
    add_key(tmp_path, make_key("laptop")[0])

    with pytest.raises(NotFound) as refused:
        revoke_key(tmp_path, "labtop")

    assert refused.value.remedy == "Did you mean laptop?"


@pytest.mark.parametrize(
    ("name", "scopes", "words"), [("a b", ["chat"], "no name"), ("", ["chat"], "no name"), ("a", ["chta"], "no scope")]
)
def test_what_cannot_be_is_refused(name: str, scopes: list[str], words: str) -> None:
    with pytest.raises(WrongUsage, match=words):
        make_key(name, scopes)


def test_spans_are_read_as_people_write_them() -> None:
    assert read_duration("30d") == timedelta(days=30)
    assert read_duration("90 m") == timedelta(minutes=90)
    with pytest.raises(WrongUsage, match="no span of time"):
        read_duration("soon")


def test_each_change_can_be_seen_without_opening_the_state(tmp_path: Path) -> None:
    seen = [last_change(tmp_path)]
    add_key(tmp_path, make_key("laptop")[0])
    seen.append(last_change(tmp_path))
    revoke_key(tmp_path, "laptop")
    seen.append(last_change(tmp_path))

    assert seen[0] is None
    assert len(set(seen)) == 3


def test_tokens_of_a_day_are_kept_a_month(tmp_path: Path) -> None:
    key, _ = make_key("laptop")
    add_key(tmp_path, key)
    write_tokens(tmp_path, DAY, {key.id: 7, "gone": 1})

    assert read_tokens(tmp_path, DAY) == {key.id: 7}
    write_tokens(tmp_path, DAY + timedelta(days=32), {key.id: 1})
    assert read_tokens(tmp_path, DAY) == {}


def test_the_command_lines_own_key_is_its_owners_alone_and_goes_with_the_box(tmp_path: Path) -> None:
    with own_key(tmp_path) as text:
        assert own_key_file(tmp_path).read_text() == text
        assert own_key_file(tmp_path).stat().st_mode & 0o777 == 0o600

    assert not own_key_file(tmp_path).exists()
