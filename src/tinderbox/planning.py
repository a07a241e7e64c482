"""`Planner`: a question as a person asks it, with names, paths and options, and the plan that answers it.

It looks up the model, the box and what this machine has taught; the arithmetic is `plan`'s. The command line, the HTTP
API and the box all ask here, so that they agree.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING, Any

from tinderbox.errors import BadModelFile, NotFound, TinderboxError, WrongUsage
from tinderbox.learning import NOTHING_LEARNT, Learnt, keep_figures, read_learnt, sharpened
from tinderbox.plan.formats import engine_kind
from tinderbox.plan.plan import Plan, TrainingPlan, backend_of, plan, plan_training
from tinderbox.plan.settings import Backend, Settings, usual_ubatch
from tinderbox.plan.speed import predict
from tinderbox.plan.training import Recipe
from tinderbox.units import Bytes, Figure

if TYPE_CHECKING:
    from tinderbox.machine.machine import Machine
    from tinderbox.models.card import Card

USUAL_CONTEXT, USUAL_PROMPT = 8192, 512
GLANCE = 0.3  # seconds; what a first look at this machine's memory takes
_ONE_GLANCE = Lock()  # two at once would halve each other's figure
_POINTS = 9  # depths at which speed is told
_GGUF_ENGINES = ("llama.cpp",)
THIS = "this"


@dataclass(frozen=True, slots=True)
class Question:
    """What `tinderbox plan` is asked. `context` is over all `parallel` sequences, as llama.cpp's `--ctx-size`; None is
    8192 or the model's, whichever is less, and room for `depth`. `box` None is this machine."""

    model: str
    box: str | None = None
    boxes: int = 1
    engine: str = "llama.cpp"
    quant: str | None = None
    context: int | None = None
    depth: int = 0
    prompt: int = USUAL_PROMPT
    parallel: int = 1
    kv_type: str = "f16"
    ubatch: int | None = None
    flash_attention: bool = True
    train: str | None = None


@dataclass(frozen=True, slots=True)
class Model:
    """A card, and the same model in another quantisation where it can be had."""

    card: Card
    requantise: Callable[[str], Card] | None = None


@dataclass(frozen=True, slots=True)
class Point:
    """The decode speed with `depth` tokens in the cache."""

    depth: int
    decode: Figure


class Planner:
    """Answers for one home folder. What was looked up once is kept: rows come by the thousand.

    `held` is what the box itself has in this machine's memory, and could free: for a plan it is not taken.
    """

    def __init__(self, home: Path, held: Callable[[], Bytes] | None = None) -> None:
        self._home = home
        self._held = held
        self._models: dict[tuple[str, bool, str | None], Model] = {}
        self._boxes: dict[str, Machine] = {}

    def answer(self, question: Question) -> Plan | TrainingPlan:
        """Raises NotFound, WrongUsage or BadModelFile for what cannot be answered."""
        machine = self.machine(question.box)
        model = self.model(question)
        if question.train is not None:
            length = question.context or Recipe().length
            return plan_training(model.card, machine, Recipe(method=question.train, length=_positive(length)))
        settings = settings_for(model.card, question, backend_of(machine))
        learnt = sharpened(self.learnt(question.box).calibration, model.card, settings)
        speed = predict(model.card, machine, settings, learnt)
        return plan(model.card, machine, settings, speed, model.requantise)

    def points(self, question: Question) -> list[Point]:
        """Decode speed from an empty cache to a full one; empty where nothing is known of the box's speed."""
        machine, card = self.machine(question.box), self.model(question).card
        settings = settings_for(card, question, backend_of(machine))
        learnt = self.learnt(question.box).calibration
        own = max(1, settings.context // settings.parallel - 1)
        depths = sorted({round(own * step / (_POINTS - 1)) for step in range(_POINTS)})
        deeper = [replace(settings, depth=depth) for depth in depths]
        found = [(one.depth, predict(card, machine, one, sharpened(learnt, card, one)).decode) for one in deeper]
        return [Point(depth, decode) for depth, decode in found if decode is not None]

    def machine(self, box: str | None) -> Machine:
        """The box of the catalogue, or this machine with what was measured of it."""
        name = (box or THIS).strip().lower()
        if name in (THIS, ""):
            return self._this()
        if name not in self._boxes:
            from tinderbox.machine.catalogue import find_box

            self._boxes[name] = find_box(name)
        return self._boxes[name]

    def learnt(self, box: str | None) -> Learnt:
        """What runs here have taught: nothing for any other box."""
        return read_learnt(self._home) if box is None or box.strip().lower() in (THIS, "") else NOTHING_LEARNT

    def model(self, question: Question) -> Model:
        gguf = engine_kind(question.engine) in _GGUF_ENGINES
        key = (question.model, gguf, question.quant)
        if key not in self._models:
            self._models[key] = find_model(self._home, question.model, question.quant, gguf=gguf)
        return self._models[key]

    def _this(self) -> Machine:
        if THIS not in self._boxes:
            self._boxes[THIS] = this_machine(self._home)
        found = self._boxes[THIS]
        if self._held is None:
            return found
        held = self._held()
        from tinderbox.machine.probe import probe

        # The box lives long, and what is available changes: it is looked up anew for each question.
        pools = tuple(
            replace(now, available=None if now.available is None else now.available + held) for now in probe().pools
        )
        return replace(found, pools=pools)


def settings_for(card: Card, question: Question, backend: Backend) -> Settings:
    context = question.context
    if context is None:
        context = min(USUAL_CONTEXT, card.context_length or USUAL_CONTEXT)
        context = max(context, question.parallel * (question.depth + 1) if question.depth else 0)
    return Settings(
        context=context,
        parallel=question.parallel,
        ubatch=usual_ubatch(backend) if question.ubatch is None else question.ubatch,
        kv_type=question.kv_type.lower(),
        flash_attention=question.flash_attention,
        engine=engine_kind(question.engine),
        boxes=question.boxes,
        depth=question.depth,
        prompt=question.prompt or USUAL_PROMPT,  # rows of measurements write 0 where nothing was read
    )


def this_machine(home: Path) -> Machine:
    """What `probe` sees, with the figures measured before. Where nothing tells the bandwidth, a glance measures it, and
    is kept."""
    from tinderbox.machine.probe import probe

    machine = with_figures(probe(), read_learnt(home).figures)
    if machine.bandwidth is not None:
        return machine
    from tinderbox.machine.measure import glance

    with _ONE_GLANCE:
        if "memory_read" in (figures := read_learnt(home).figures):
            return with_figures(machine, figures)
        figure = glance(machine.processor.threads or 1, GLANCE)
        with suppress(TinderboxError):  # a home that cannot be written to is no reason not to answer
            keep_figures(home, {"memory_read": figure})
    return replace(machine, bandwidth=figure)


def with_figures(machine: Machine, figures: dict[str, Figure]) -> Machine:
    """The machine by the figures that were kept, as `machine.measure.with_measured` has it."""
    if "memory_read" not in figures:
        return machine
    from tinderbox.machine.measure import Measured, with_measured

    return with_measured(machine, Measured(figures["memory_read"], figures.get("disk_read")))


def find_model(home: Path, name: str, quant: str | None, *, gguf: bool) -> Model:
    """By path, by name in the store, or by name among the well-known shapes. Raises NotFound with near names."""
    from tinderbox.models.reach import reach

    path = Path(name).expanduser()
    if reach().paths and (_is_there(path) or name.endswith((".gguf", ".json"))):
        return _from_file(path, quant)
    stored = _from_store(home, name, quant)
    if stored is not None:
        return stored
    from tinderbox.models.shapes import find_shape

    return Model(find_shape(name, quant, gguf=gguf), lambda word: find_shape(name, word, gguf=gguf))


def _is_there(path: Path) -> bool:
    try:
        return path.exists()
    except OSError:  # a name that no file could have
        return False


def _from_file(path: Path, quant: str | None) -> Model:
    if path.is_dir() or path.suffix == ".json":
        from tinderbox.models.config_json import read_config

        if path.is_dir() and not (path / "config.json").exists():
            return _from_folder(path, quant)
        return Model(read_config(path, quant), lambda word: read_config(path, word))
    from tinderbox.models.gguf import read_card

    card = read_card(path)
    if quant is not None and quant.strip().upper() != card.quantisation.upper():
        raise WrongUsage(
            f"{path.name} is {card.quantisation} already, and a file cannot be planned in {quant}.",
            "Leave --quant out, or name the model or its config.json.",
        )
    return Model(card)


def _from_folder(path: Path, quant: str | None) -> Model:
    """A folder of shards without a configuration: its first .gguf file says where the others are."""
    files = sorted(path.glob("*.gguf"))
    if not files:
        raise NotFound(f"{path} holds neither a config.json nor a .gguf file.", "Name the folder of one model.")
    return _from_file(files[0], quant)


def _from_store(home: Path, name: str, quant: str | None) -> Model | None:
    if not (home / "state.db").exists():
        return None
    from tinderbox.models.name import FileName, parse
    from tinderbox.models.shapes import find_shape
    from tinderbox.models.store import Store

    try:
        wanted = parse(name)
        stored = None if isinstance(wanted, FileName) else Store(home).get(wanted)
    except WrongUsage:
        return None  # no name for the store, yet `Qwen3 8B` may be one of the well-known
    if stored is None:
        return None
    card = replace(stored.card(), name=stored.name)
    if quant is not None and quant.strip().upper() != card.quantisation.upper():
        return None
    try:
        find_shape(stored.name)
    except (NotFound, BadModelFile, WrongUsage):
        return Model(card)
    return Model(card, lambda word: find_shape(stored.name, word))


def training_as_json(answer: TrainingPlan) -> dict[str, Any]:
    """In the shape of the other plans: what a training run has no figure for is null."""
    speed = dict.fromkeys(
        ("prefill_tokens_per_s", "decode_tokens_per_s", "first_token_s", "decode_limit_tokens_per_s", "bound")
    )
    own = answer.as_json()
    return own | {"engine": None, "context": answer.recipe.length, "parallel": answer.recipe.batch, "speed": speed}


def as_json(answer: Plan | TrainingPlan) -> dict[str, Any]:
    return training_as_json(answer) if isinstance(answer, TrainingPlan) else answer.as_json()


def points_as_json(points: list[Point]) -> list[dict[str, Any]]:
    return [asdict(point) for point in points]


def _positive(length: int) -> int:
    if length < 1:
        raise WrongUsage(f"--context must be at least 1, not {length}.")
    return length


__all__ = ["Planner", "Point", "Question", "as_json", "backend_of", "points_as_json", "settings_for", "this_machine"]
