"""The boxes that can be asked about."""

from __future__ import annotations

import json

import pytest

from tinderbox.errors import NotFound
from tinderbox.machine.catalogue import boxes, find_box
from tinderbox.machine.machine import MemoryKind, Price


def test_there_are_nineteen_boxes_with_ids_of_their_own() -> None:
    assert len({box.id for box in boxes()}) == 19


@pytest.mark.parametrize(
    ("name", "id"),
    [
        ("gb10", "dgx-spark"),
        ("GB10-x2", "dgx-spark-x2"),
        ("gb10-x3", "gb10-x3"),
        ("strix-halo", "framework-desktop"),
        ("strix-halo-x4", "strix-halo-x4"),
        ("m3-ultra", "mac-studio-m3-ultra"),
        ("m4-max", "mac-m4-max"),
        ("m1-ultra", "m1-ultra"),
        ("m2-ultra", "m2-ultra"),
        ("m2-max", "m2-max"),
        ("m3-max", "m3-max"),
        ("rtx-4090", "rtx-4090"),
        ("rtx-5090", "rtx-5090"),
        ("rtx-pro-6000", "rtx-pro-6000"),
        ("rtx-pro-6000-maxq", "rtx-pro-6000-maxq"),
        ("dell-pro-max-gb10", "dell-pro-max-gb10"),
    ],
)
def test_every_name_that_measurements_use_is_understood(name: str, id: str) -> None:
    assert find_box(name).id == id


def test_a_misspelt_box_names_the_nearest() -> None:
    with pytest.raises(NotFound, match=r"no box 'dgx-sparc'.*dgx-spark"):
        find_box("dgx-sparc")


def test_a_sibling_has_the_hardware_of_the_first_and_its_own_price() -> None:
    dell, spark = find_box("dell-pro-max-gb10"), find_box("dgx-spark")

    assert (dell.bandwidth, dell.compute, dell.pools) == (spark.bandwidth, spark.compute, spark.pools)
    assert (dell.maker, dell.price, dell.power) == ("Dell", Price(low=3699), None)


def test_two_linked_boxes_have_twice_the_memory() -> None:
    assert find_box("gb10-x2").capacity == 2 * find_box("gb10").capacity


def test_a_card_has_memory_of_its_own() -> None:
    card = find_box("rtx-4090")

    assert (card.memory_kind, card.gpus[0].memory) == (MemoryKind.DISCRETE, 24 * 2**30)


def test_every_box_states_its_bandwidth_and_names_a_source() -> None:
    assert all(box.bandwidth is not None and box.sources for box in boxes())


def test_boxes_can_be_printed() -> None:
    assert "dgx-spark" in json.dumps([box.as_json() for box in boxes()])
