"""Questions in a person's words: which model, which box, which settings are meant."""

import json
from pathlib import Path

import pytest

from tests.models.gguf_writer import llama
from tinderbox.errors import BadModelFile, NotFound, TinderboxError, WrongUsage
from tinderbox.learning import Run, keep_figures, learn_runs
from tinderbox.models.store import Store
from tinderbox.plan.calibration import Kind
from tinderbox.plan.plan import Plan
from tinderbox.planning import Planner, Question, as_json
from tinderbox.units import GB, Figure

SPARK = "dgx-spark"
CONFIG = {
    "model_type": "llama",
    "architectures": ["LlamaForCausalLM"],
    "hidden_size": 64,
    "intermediate_size": 128,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "vocab_size": 256,
    "max_position_embeddings": 2048,
}


@pytest.fixture
def planner(tmp_path: Path) -> Planner:
    return Planner(tmp_path)


def planned(planner: Planner, question: Question) -> Plan:
    answer = planner.answer(question)
    assert isinstance(answer, Plan)
    return answer


def test_a_well_known_name_needs_no_file(planner: Planner) -> None:
    answer = planned(planner, Question("gpt-oss-120b", box=SPARK))

    assert (answer.fits, answer.memory.weights, answer.settings.context) == (True, 63_374_323_968, 8192)


def test_a_gguf_file_is_planned(planner: Planner, tmp_path: Path) -> None:
    llama().write(tmp_path / "some.gguf")

    assert planned(planner, Question(str(tmp_path / "some.gguf"), box=SPARK)).memory.weights > 0


def test_a_folder_with_a_gguf_file_is_planned(planner: Planner, tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    llama().write(tmp_path / "folder/some.gguf")

    assert planned(planner, Question(str(tmp_path / "folder"), box=SPARK)).memory.weights > 0


def test_a_config_json_is_planned_by_file_or_by_folder(planner: Planner, tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text(json.dumps(CONFIG))

    by_file = planned(planner, Question(str(tmp_path / "config.json"), box=SPARK, quant="Q8_0"))
    by_folder = planned(planner, Question(str(tmp_path), box=SPARK, quant="Q8_0"))

    assert by_file.memory == by_folder.memory
    assert by_file.settings.context == 2048


def test_a_model_of_the_store_goes_by_its_name(planner: Planner, tmp_path: Path) -> None:
    llama().write(tmp_path / "some.gguf")
    Store(tmp_path).add_file(tmp_path / "some.gguf", "mine:1b")

    assert planned(planner, Question("mine:1b", box=SPARK)).model == "mine:1b"


def test_the_context_has_room_for_the_depth(planner: Planner) -> None:
    answer = planned(planner, Question("gpt-oss-120b", box=SPARK, depth=20_000, parallel=2))

    assert answer.settings.context == 40_002


def test_an_engine_goes_by_its_other_names(planner: Planner) -> None:
    assert planned(planner, Question("gpt-oss-120b", box=SPARK, engine="ollama")).settings.engine == "llama.cpp"


@pytest.mark.parametrize("box", ["gb10", "strix-halo", "m3-ultra", "rtx-5090", "m4-max", "gb10-x2"])
def test_boxes_go_by_the_keys_of_the_measurements(planner: Planner, box: str) -> None:
    assert planned(planner, Question("qwen3-8b", box=box)).speed is not None


@pytest.mark.parametrize(
    ("question", "kind", "words"),
    [
        (Question("gpt-oss-120b", box="dgx-spakr"), NotFound, "Did you mean dgx-spark"),
        (Question("gpt-oss-120b", context=-1), WrongUsage, "--context must be at least 1"),
        (Question("gpt-oss-120b", train="lora", context=-1), WrongUsage, "--context must be at least 1"),
        (Question("gpt-oss-120b", train="lroa"), WrongUsage, "lora"),
        (Question("gpt-oss-120b", quant="Q9_K"), WrongUsage, "Q9_K"),
        (Question("gpt-oss-120b", engine="lamacpp"), WrongUsage, "Did you mean"),
        (Question("gpt-oss-120b", kv_type="q9"), WrongUsage, "q9"),
        (Question("no-such-model"), NotFound, "no-such-model"),
        (Question("README.md"), BadModelFile, "README.md"),
        (Question("docs"), NotFound, "neither a config.json nor a .gguf"),
        (Question("nowhere.gguf"), TinderboxError, "nowhere.gguf"),
    ],
)
def test_a_wrong_question_is_told_what_is_wrong(
    planner: Planner, question: Question, kind: type[TinderboxError], words: str
) -> None:
    with pytest.raises(kind, match=words):
        planner.answer(question)


def test_a_file_is_not_planned_in_another_quantisation(planner: Planner, tmp_path: Path) -> None:
    llama().write(tmp_path / "some.gguf")

    with pytest.raises(WrongUsage, match="already"):
        planner.answer(Question(str(tmp_path / "some.gguf"), quant="Q2_K"))


def test_the_bandwidth_of_this_machine_is_measured_once(planner: Planner, tmp_path: Path) -> None:
    first = planner.machine(None).bandwidth

    assert first is not None
    assert Planner(tmp_path).machine("this").bandwidth == first


def test_what_runs_here_taught_shifts_plans_for_this_machine(tmp_path: Path) -> None:
    keep_figures(tmp_path, {"memory_read": Figure(10.0 * GB, "measured")})
    learn_runs(tmp_path, [Run("llama.cpp", Kind.DECODE, False, 10, 20)])
    planner = Planner(tmp_path)

    here, there = (planned(planner, Question("qwen3-0.6b", box=box)).speed for box in (None, SPARK))

    assert here is not None
    assert here.decode is not None
    assert here.decode.source == "calibrated"
    assert there is not None
    assert there.decode is not None
    assert there.decode.source == "predicted"


def test_what_our_own_models_hold_counts_as_free(tmp_path: Path) -> None:
    keep_figures(tmp_path, {"memory_read": Figure(10.0 * GB, "measured")})

    alone = Planner(tmp_path, held=lambda: 0).machine(None).pool.available
    holding = Planner(tmp_path, held=lambda: 100 * GB).machine(None).pool.available

    assert alone is not None
    assert holding is not None
    assert holding > alone + 90 * GB


def test_speed_is_told_over_the_whole_context(planner: Planner) -> None:
    points = planner.points(Question("gpt-oss-120b", box=SPARK, context=8192))

    assert (len(points), points[0].depth, points[-1].depth) == (9, 0, 8191)
    assert points[0].decode.value > points[-1].decode.value


def test_a_training_plan_has_the_shape_of_the_others(planner: Planner) -> None:
    training = as_json(planner.answer(Question("qwen3-8b", box=SPARK, train="lora")))
    running = as_json(planner.answer(Question("qwen3-8b", box=SPARK)))

    assert set(running) <= set(training)
    assert set(running["speed"]) == set(training["speed"])
