"""`tinderbox plan`: its words, its JSON and its rows."""

import json
from pathlib import Path
from xml.etree import ElementTree

import pytest
from click.testing import CliRunner, Result

from tests.cli.test_main import tinderbox
from tinderbox.cli.main import commands
from tinderbox.cli.plan import bar, read_question
from tinderbox.errors import WrongUsage
from tinderbox.planning import Question

SPARK = ("plan", "gpt-oss-120b", "--box", "dgx-spark")


def run(home: Path, *words: str) -> Result:
    return CliRunner().invoke(commands, words, env={"TINDERBOX_HOME": str(home)})


def test_the_json_is_what_scripts_rely_on(tmp_path: Path) -> None:
    answer = json.loads(run(tmp_path, *SPARK, "--json").stdout)

    assert (answer["model"], answer["box"], answer["engine"]) == ("gpt-oss-120b", "dgx-spark", "llama.cpp")
    assert (answer["context"], answer["parallel"], answer["fits"]) == (8192, 1, True)
    assert answer["memory"]["weights"] == 63_374_323_968
    assert set(answer["speed"]["decode_tokens_per_s"]) == {"value", "low", "high", "source"}


def test_a_person_reads_parts_speed_and_what_binds(tmp_path: Path) -> None:
    said = run(tmp_path, *SPARK).stdout

    assert "gpt-oss-120b fits on DGX Spark" in said
    assert "63.4 GB" in said
    assert "bound by bandwidth" in said


def test_a_plan_leaves_no_trace(tmp_path: Path) -> None:
    run(tmp_path / "home", *SPARK)

    assert not (tmp_path / "home").exists()


def test_what_does_not_fit_is_planned_with_status_3(tmp_path: Path) -> None:
    done = tinderbox(tmp_path, "plan", "llama-3.3-70b", "--box", "rtx-5090", "--json")

    assert (done.returncode, json.loads(done.stdout)["fits"]) == (3, False)


@pytest.mark.parametrize(
    ("words", "status", "said"),
    [
        (["gpt-oss-120b", "--context", "-5"], 2, "--context must be at least 1, not -5."),
        (["gpt-oss-120b", "--box", "dgx-spakr"], 1, "Did you mean dgx-spark"),
        (["gpt-oss-120b", "--quant", "Q9_K"], 2, "'Q9_K' is no quantisation known here."),
        (["README.md"], 1, "README.md is refused"),
        ([], 2, "Name a MODEL"),
        (["gpt-oss-120b", "--plot", "a.png"], 2, "only SVG is written"),
        (["--rows", "nowhere.csv"], 2, "nowhere.csv cannot be read"),
        (["--rows", "README.md"], 2, "has no column `model`"),
    ],
)
def test_wrong_input_gets_one_clear_line(tmp_path: Path, words: list[str], status: int, said: str) -> None:
    done = tinderbox(tmp_path, "plan", *words)

    assert (done.returncode, said in done.stderr, "Traceback" in done.stderr) == (status, True, False)


def test_the_plan_is_drawn(tmp_path: Path) -> None:
    run(tmp_path, *SPARK, "--plot", str(tmp_path / "plan.svg"))

    assert ElementTree.parse(tmp_path / "plan.svg").getroot().get("role") == "img"


def test_a_training_run_is_planned(tmp_path: Path) -> None:
    answer = json.loads(run(tmp_path, "plan", "qwen3-8b", "--box", "dgx-spark", "--train", "lora", "--json").stdout)

    assert answer["train"]["method"] == "lora"
    assert answer["memory"]["optimiser"] > 0
    assert "training with lora" in run(tmp_path, "plan", "qwen3-8b", "--box", "dgx-spark", "--train", "lora").stdout


def test_rows_are_answered_in_order_and_a_wrong_one_does_not_stop_the_rest(tmp_path: Path) -> None:
    rows = tmp_path / "rows.csv"
    rows.write_text(
        "model,box,engine,quant,context,depth,parallel,prompt\n"
        "gpt-oss-120b,gb10,llama.cpp,MXFP4,,,,\n"
        "gpt-oss-120b,gb10,,,x,,,\n"
        "qwen3-8b,m3-ultra,llama.cpp (llama-bench),Q8_0,4096,1024,2,0\n"
    )

    first, wrong, last = (json.loads(line) for line in run(tmp_path, "plan", "--rows", str(rows)).stdout.splitlines())

    assert (first["model"], first["context"]) == ("gpt-oss-120b", 8192)
    assert wrong == {"error": "context must be a whole number, not 'x'."}
    assert (last["box"], last["context"], last["parallel"]) == ("mac-studio-m3-ultra", 4096, 2)


def test_empty_cells_are_defaults() -> None:
    assert read_question({"model": "m", "box": "", "depth": "", "flash_attention": None}) == Question("m")


def test_switches_are_on_or_off() -> None:
    assert read_question({"model": "m", "flash_attention": "off"}).flash_attention is False
    with pytest.raises(WrongUsage, match="on or off"):
        read_question({"model": "m", "flash_attention": "maybe"})


def test_a_bar_shows_even_what_is_small() -> None:
    assert (bar(0, 100), bar(1, 10_000), bar(100, 100)) == ("", "▏", "█" * 32)
