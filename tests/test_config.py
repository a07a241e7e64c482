"""Settings: three sources, one value, and where it came from."""

from pathlib import Path

import pytest

from tinderbox.config import read_config
from tinderbox.errors import WrongUsage


def environment(home: Path, **given: str) -> dict[str, str]:
    return {"TINDERBOX_HOME": str(home), **given}


def test_a_flag_wins_over_the_environment_and_that_over_the_file(tmp_path: Path) -> None:
    (tmp_path / "config.toml").write_text("port = 1\nparallel = 1\ncontext = 1024\n")

    config = read_config({"port": 3}, environment(tmp_path, TINDERBOX_PORT="2", TINDERBOX_PARALLEL="2"))

    assert (config.port, config.parallel, config.context) == (3, 2, 1024)
    assert [config.origin(key) for key in ("port", "parallel", "context", "host")] == [
        "flag",
        "environment",
        "file",
        "default",
    ]


def test_an_unknown_key_is_told_the_nearest_known_one(tmp_path: Path) -> None:
    (tmp_path / "config.toml").write_text("paralel = 2\n")

    with pytest.raises(WrongUsage, match="Did you mean parallel"):
        read_config({}, environment(tmp_path))


@pytest.mark.parametrize(
    ("key", "value"),
    [("port", "99999"), ("port", "many"), ("context", "-1"), ("memory", "plenty"), ("drain", "-3"), ("host", "a/b")],
)
def test_a_wrong_value_is_refused_with_its_name(tmp_path: Path, key: str, value: str) -> None:
    with pytest.raises(WrongUsage, match=f"{key} = '{value}' in the environment is wrong"):
        read_config({}, environment(tmp_path, **{f"TINDERBOX_{key.upper()}": value}))


def test_a_file_that_is_no_toml_is_named(tmp_path: Path) -> None:
    (tmp_path / "config.toml").write_text("port = = 1")

    with pytest.raises(WrongUsage, match=r"config\.toml cannot be read"):
        read_config({}, environment(tmp_path))


def test_memory_is_read_as_people_write_it(tmp_path: Path) -> None:
    assert read_config({"memory": "8GB"}, environment(tmp_path)).memory == 8 * 10**9


def test_other_variables_of_the_prefix_are_left_alone(tmp_path: Path) -> None:
    assert read_config({}, environment(tmp_path, TINDERBOX_NOTE="mine")).port == 8910
