"""How the parts of the box are joined."""

from pathlib import Path

from tests.models.gguf_writer import llama
from tinderbox.daemon import ENGINE, learn_held, predicted_memory
from tinderbox.engines.engine import Settings
from tinderbox.learning import correct_load
from tinderbox.models.store import Store
from tinderbox.units import MB


def test_a_model_that_was_ended_for_what_it_held_is_granted_as_much_the_next_time(tmp_path: Path) -> None:
    llama().write(tmp_path / "small.gguf")
    store = Store(tmp_path / "home")
    stored = store.add_file(tmp_path / "small.gguf", "small:1b")
    settings = Settings(stored.name, stored.path, context=512, parallel=1, threads=1)
    before = predicted_memory(store.home, settings, stored.card())

    learn_held(store.home, store, settings, before + 100 * MB)

    assert predicted_memory(store.home, settings, stored.card()) == before + 100 * MB


def test_a_lesson_of_a_model_that_is_gone_is_lost_and_nothing_else(tmp_path: Path) -> None:
    gone = Settings("gone:1b", tmp_path / "gone.gguf", context=512, parallel=1, threads=1)

    learn_held(tmp_path, Store(tmp_path), gone, 100 * MB)

    assert correct_load(tmp_path, "gone:1b", ENGINE, context=512, parallel=1, predicted=MB) == MB
