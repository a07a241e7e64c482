"""Speeds as a person would reason about them: what binds, what more sequences and more boxes bring, what is unknown."""

from __future__ import annotations

import time
from dataclasses import replace

import pytest

from tinderbox.machine.catalogue import find_box
from tinderbox.machine.machine import Family, Machine
from tinderbox.models.card import Card
from tinderbox.models.shapes import find_shape
from tinderbox.plan.efficiency import EFFICIENCY
from tinderbox.plan.settings import Settings
from tinderbox.plan.speed import Speed, engine_name, predict
from tinderbox.units import Figure

SPARK = find_box("dgx-spark")


def card(name: str = "qwen3:8b", quantisation: str = "Q4_K_M") -> Card:
    return find_shape(name, quantisation)


def speed(model: Card | None = None, machine: Machine = SPARK, **settings: object) -> Speed:
    return predict(model or card(), machine, Settings(**settings))  # type: ignore[arg-type]


def decode(found: Speed) -> float:
    assert found.decode is not None
    return found.decode.value


def prefill(found: Speed) -> float:
    assert found.prefill is not None
    return found.prefill.value


def width(figure: Figure | None) -> float:
    assert figure is not None
    assert figure.low is not None
    assert figure.high is not None
    return figure.high / figure.low


def test_a_known_model_comes_near_what_was_measured_of_it() -> None:
    found = speed(find_shape("gpt-oss-120b", "MXFP4"), depth=8192)

    assert decode(found) == pytest.approx(52.87, rel=0.05)


@pytest.mark.parametrize("name", ["qwen3:8b", "deepseek-v3", "gemma-3-27b", "qwen3.5:35b-a3b", "kimi-k2", "lfm2:1.2b"])
@pytest.mark.parametrize("parallel", [1, 8])
def test_decoding_never_passes_what_the_bandwidth_allows(name: str, parallel: int) -> None:
    found = speed(card(name), parallel=parallel)

    assert found.decode_limit is not None
    assert decode(found) < found.decode_limit


def test_decoding_alone_is_bound_by_the_bandwidth() -> None:
    found = speed()

    assert found.decode_limit is not None
    assert decode(found) < found.decode_limit
    assert found.bound == "bandwidth"


def test_finer_numbers_are_slower_to_decode() -> None:
    speeds = [decode(speed(card(quantisation=mix))) for mix in ("Q4_K_M", "Q8_0", "BF16")]

    assert speeds == sorted(speeds, reverse=True)


def test_a_mixture_of_experts_decodes_faster_than_a_dense_model_of_its_size() -> None:
    assert decode(speed(card("qwen3:30b-a3b"))) > 4 * decode(speed(card("qwen3:32b")))


def test_depth_slows_decoding_and_less_so_where_windows_slide() -> None:
    full = decode(speed(card("qwen3:4b"), depth=32768)) / decode(speed(card("qwen3:4b")))
    sliding = decode(speed(card("gemma-3-4b-it"), depth=32768)) / decode(speed(card("gemma-3-4b-it")))

    assert full < sliding < 1


def test_a_cache_in_eight_bits_makes_deep_decoding_faster() -> None:
    assert decode(speed(depth=65536, kv_type="q8_0")) > decode(speed(depth=65536))


def test_sequences_side_by_side_give_more_together_and_less_each() -> None:
    alone, together = decode(speed()), decode(speed(parallel=8))

    assert alone < together < 8 * alone


def test_several_sequences_gain_less_from_a_mixture_because_they_touch_more_experts() -> None:
    dense = decode(speed(card("qwen3:32b"), parallel=4)) / decode(speed(card("qwen3:32b")))
    mixture = decode(speed(card("qwen3:30b-a3b"), parallel=4)) / decode(speed(card("qwen3:30b-a3b")))

    assert mixture < dense


def test_a_long_prompt_is_read_faster_in_larger_pieces() -> None:
    mixture = card("qwen3:30b-a3b")

    assert prefill(speed(mixture, prompt=4096, ubatch=2048)) > prefill(speed(mixture, prompt=4096, ubatch=512))


def test_reading_deep_in_a_context_is_slower() -> None:
    assert prefill(speed(prompt=2048, depth=65536)) < 0.7 * prefill(speed(prompt=2048))


def test_the_first_token_comes_after_the_prompt_and_one_step() -> None:
    found = speed(prompt=2048)

    assert found.first_token_s == pytest.approx(2048 / prefill(found) + 1 / decode(found))


def test_two_boxes_gain_one_stream_nothing_where_layers_are_split() -> None:
    assert decode(speed(boxes=2)) == pytest.approx(decode(speed()), rel=0.02)


def test_two_boxes_gain_a_third_where_matrices_are_split() -> None:
    model = find_shape("gpt-oss-120b", gguf=False)

    gain = decode(speed(model, engine="vllm", boxes=2)) / decode(speed(model, engine="vllm"))

    assert 1.2 < gain < 1.7


def test_the_linked_pair_of_the_catalogue_counts_as_two_boxes() -> None:
    assert decode(speed(machine=find_box("gb10-x2"))) == decode(speed(boxes=2))


def test_an_engine_that_nobody_measured_gets_a_wider_interval() -> None:
    assert width(speed(engine="sglang").decode) > 1.2 * width(speed(engine="vllm").decode)


def test_a_processor_that_nobody_measured_gets_an_interval_from_half_to_twice() -> None:
    unknown = replace(SPARK, family=Family.CPU, compute={}, bandwidth=Figure(40e9, "measured"))

    assert width(speed(machine=unknown).decode) > 2


def test_a_machine_whose_bandwidth_is_unknown_gets_no_speed() -> None:
    assert speed(machine=replace(SPARK, bandwidth=None)) == Speed(None, None, None, None, None)


def test_what_does_not_fit_is_bound_by_the_disk() -> None:
    small = replace(find_box("rtx-4090"), disk_read=Figure(3e9, "measured"))

    found = speed(find_shape("gpt-oss-120b", "MXFP4"), small)

    assert found.bound == "disk"
    assert decode(found) < 3


def test_a_burst_of_requests_answers_slower_while_others_are_still_read() -> None:
    model, settings = card(quantisation="BF16"), Settings(engine="vllm", parallel=10, prompt=8192)

    assert decode(predict(model, SPARK, settings)) < 0.7 * decode(predict(model, SPARK, settings, reply=0))


def test_a_serving_engine_answers_after_the_prompt_that_it_was_sent() -> None:
    model = card(quantisation="BF16")

    assert decode(speed(model, engine="vllm", prompt=32768)) < decode(speed(model, engine="vllm"))
    assert decode(speed(model, prompt=32768)) == decode(speed(model))


@pytest.mark.parametrize(
    ("written", "known"),
    [
        ("llama.cpp Vulkan RADV", "llama.cpp"),
        ("Ollama", "llama.cpp"),
        ("vLLM 0.19 (patched)", "vllm"),
        ("TensorRT-LLM", "trtllm"),
        ("", "llama.cpp"),
    ],
)
def test_engines_are_known_by_the_names_that_people_write(written: str, known: str) -> None:
    assert engine_name(written) == known


def test_every_price_is_a_number_that_is_not_below_zero() -> None:
    prices = [price for one in EFFICIENCY.values() for price in (*one.decode.values(), *one.prefill.values())]

    assert min(prices) >= 0


def test_a_thousand_speeds_are_told_in_a_few_seconds() -> None:
    model, settings = find_shape("gpt-oss-120b", "MXFP4"), Settings()
    begun = time.process_time()

    speeds = [predict(model, SPARK, settings) for _ in range(200)]

    assert len(speeds) == 200
    assert time.process_time() - begun < 1.0
