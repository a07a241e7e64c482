"""Recipes: what is read, what is refused with its line, and what is written beside a result."""

from pathlib import Path

import pytest

from tinderbox.errors import BadRequest, NotFound, WrongUsage
from tinderbox.train.recipe import Recipe, as_toml, make_recipe, read_recipe

WHOLE = """\
model = "smollm2:135m"
data = "facts.jsonl"
name = "facts"
rank = 8
epochs = 2
merge = true
"""


def refusal(folder: Path, text: str) -> str:
    file = folder / "a.toml"
    file.write_text(text)
    with pytest.raises(WrongUsage) as refused:
        read_recipe(file)
    return str(refused.value).removeprefix(f"{file}, ")


def test_a_file_is_read_and_its_data_lies_beside_it(tmp_path: Path) -> None:
    (tmp_path / "a.toml").write_text(WHOLE)

    recipe = make_recipe(read_recipe(tmp_path / "a.toml"))

    assert recipe == Recipe("smollm2:135m", str(tmp_path / "facts.jsonl"), "facts", rank=8, epochs=2.0, merge=True)


def test_what_is_written_beside_a_result_is_read_again(tmp_path: Path) -> None:
    recipe = make_recipe({"model": 'a "b"', "data": "/x/ü.jsonl", "name": "n", "steps": 9, "rate": 1e-05})

    (tmp_path / "recipe.toml").write_text(as_toml(recipe, {"data": "sha256 of it"}))

    assert make_recipe(read_recipe(tmp_path / "recipe.toml")) == recipe


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ('model = "a"\nrnak = 8', "line 2: 'rnak' is nothing that a recipe has. Did you mean rank"),
        ("rank = 0", "line 1: rank = 0 is wrong: a whole number from 1 to 512 is wanted."),
        ("rank = true", "line 1: rank = True is wrong"),
        ('\nmethod = "loar"', "line 2: method = 'loar' is wrong: Did you mean lora"),
        ('name = "../x"', "line 1: name = '../x' is wrong: use small letters"),
        ("rate = nan", "line 1: rate = nan is wrong: a number from 1e-08 to 1 is wanted."),
        ("rank 8", "line 1: "),
    ],
)
def test_what_is_wrong_is_told_with_its_line(tmp_path: Path, text: str, words: str) -> None:
    assert refusal(tmp_path, text).startswith(words)


def test_a_file_that_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(NotFound, match=r"There is no recipe .*none\.toml"):
        read_recipe(tmp_path / "none.toml")


def test_a_request_names_the_value_that_is_wrong() -> None:
    with pytest.raises(BadRequest) as refused:
        make_recipe({"model": "a", "data": "b"})

    assert (refused.value.field, refused.value.what) == ("name", "'name' is missing.")


def test_each_method_has_a_rate_of_its_own() -> None:
    rates = {method: Recipe("a", "b", "c", method).peak_rate for method in ("lora", "full", "dpo")}

    assert rates == {"lora": 2e-4, "full": 2e-5, "dpo": 5e-5}


def test_steps_follow_from_the_epochs_unless_they_are_said() -> None:
    assert Recipe("a", "b", "c", epochs=3, batch=8).steps_for(20) == 8
    assert Recipe("a", "b", "c", steps=90).steps_for(20) == 90
