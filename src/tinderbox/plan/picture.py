"""A plan as a drawing: memory by part beside what there is, and decode speed over depth with its interval. SVG."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from html import escape

from tinderbox.units import Bytes, Figure, format_bytes

WIDTH, HEIGHT = 720, 420
LEFT, RIGHT = 64, 24
BAR_TOP, BAR_HEIGHT = 64, 26
CHART_TOP, CHART_BOTTOM = 176, 376
PARTS = (
    ("weights", "#c2410c"),
    ("context", "#0f766e"),
    ("compute", "#1d4ed8"),
    ("output", "#7c3aed"),
    ("gradients", "#0f766e"),
    ("optimiser", "#1d4ed8"),
    ("activations", "#7c3aed"),
    ("overhead", "#6b7280"),
)
_STYLE = (
    "text{font:13px system-ui,sans-serif;fill:#1c1917}.small{font-size:11px;fill:#57534e}"
    ".title{font-size:16px;font-weight:600}.axis{stroke:#a8a29e}.grid{stroke:#e7e5e4}"
    "@media(prefers-color-scheme:dark){.ground{fill:#1c1917}text{fill:#fafaf9}.small{fill:#a8a29e}.grid{stroke:#44403c}}"
)


@dataclass(frozen=True, slots=True)
class Line:
    """Speeds in tokens a second over depths in tokens. A line with intervals is drawn with its band."""

    name: str
    colour: str
    points: tuple[tuple[int, Figure], ...]


def picture(title: str, memory: dict[str, Bytes], capacity: Bytes | None, lines: Sequence[Line]) -> str:
    """The drawing as one SVG document. `memory` has the parts of a footprint, in bytes; others are left out."""
    shapes = [_text(LEFT - 40, 30, title, "title")]
    if memory:
        shapes += _memory(memory, capacity)
    shapes += _chart([line for line in lines if line.points])
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" width="{WIDTH}" height="{HEIGHT}" '
        f'role="img" aria-label="{escape(title)}"><style>{_STYLE}</style>'
        f'<rect class="ground" width="{WIDTH}" height="{HEIGHT}" fill="#ffffff"/>{"".join(shapes)}</svg>\n'
    )


def _memory(memory: dict[str, Bytes], capacity: Bytes | None) -> Iterable[str]:
    parts = [(name, memory[name], colour) for name, colour in PARTS if memory.get(name)]
    total = sum(size for _, size, _ in parts)
    scale = (WIDTH - LEFT - RIGHT + 40) / max(total, capacity or 0, 1)
    start = float(LEFT - 40)
    if capacity is not None:
        yield _box(start, BAR_TOP, capacity * scale, BAR_HEIGHT, "none", 'class="axis" rx="3"')
    words = f"{format_bytes(total)}" + (f" of {format_bytes(capacity)} usable" if capacity is not None else "")
    yield _text(start, BAR_TOP - 8, words)
    legend = start
    for name, size, colour in parts:
        yield _box(start, BAR_TOP, max(1.0, size * scale), BAR_HEIGHT, colour)
        yield _box(legend, BAR_TOP + 38, 10, 10, colour)
        yield _text(legend + 15, BAR_TOP + 47, f"{name} {format_bytes(size)}", "small")
        start += size * scale
        legend += 132
    if capacity is not None and total > capacity:
        edge = LEFT - 40 + capacity * scale
        yield f'<path d="M{edge:.1f} {BAR_TOP - 4}v{BAR_HEIGHT + 8}" stroke="#dc2626" stroke-width="2"/>'


def _chart(lines: Sequence[Line]) -> Iterable[str]:
    if not lines:
        return
    deepest = max(depth for line in lines for depth, _ in line.points) or 1
    fastest = round_up(max(figure.high or figure.value for line in lines for _, figure in line.points))

    def at(depth: float, speed: float) -> tuple[float, float]:
        x = LEFT + depth / deepest * (WIDTH - LEFT - RIGHT)
        return x, CHART_BOTTOM - speed / fastest * (CHART_BOTTOM - CHART_TOP)

    yield from _axes(deepest, fastest)
    yield _text(LEFT, CHART_TOP - 16, "tokens/s over the tokens before", "small")
    key = LEFT + 220
    for line in lines:
        yield from _line(line, [(at(depth, one.value), _band(at, depth, one)) for depth, one in line.points])
        yield _box(key, CHART_TOP - 25, 10, 10, line.colour)
        yield _text(key + 15, CHART_TOP - 16, line.name, "small")
        key += 150


def _band(at: object, depth: int, one: Figure) -> tuple[float, float] | None:
    if one.low is None or one.high is None or not callable(at):
        return None
    return at(depth, one.low)[1], at(depth, one.high)[1]


def _line(line: Line, places: list[tuple[tuple[float, float], tuple[float, float] | None]]) -> Iterable[str]:
    upper = [f"{x:.1f},{band[1]:.1f}" for (x, _), band in places if band]
    lower = [f"{x:.1f},{band[0]:.1f}" for (x, _), band in reversed(places) if band]
    if len(upper) > 1:
        yield f'<polygon points="{" ".join(upper + lower)}" fill="{line.colour}" opacity="0.15"/>'
    path = " ".join(f"{x:.1f},{y:.1f}" for (x, y), _ in places)
    yield f'<polyline points="{path}" fill="none" stroke="{line.colour}" stroke-width="2"/>'
    for (x, y), _ in places:
        yield f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3" fill="{line.colour}"/>'


def _axes(deepest: int, fastest: float) -> Iterable[str]:
    for step in range(5):
        share = step / 4
        y = CHART_BOTTOM - share * (CHART_BOTTOM - CHART_TOP)
        x = LEFT + share * (WIDTH - LEFT - RIGHT)
        kind = "axis" if step == 0 else "grid"
        yield f'<path class="{kind}" d="M{LEFT} {y:.1f}H{WIDTH - RIGHT}"/>'
        yield _text(LEFT - 8, y + 4, f"{share * fastest:g}", "small", "end")
        yield _text(x, CHART_BOTTOM + 18, f"{round(share * deepest):,}".replace(",", " "), "small", "middle")


def round_up(value: float) -> float:
    """The next of 1, 2, 5 times a power of ten and their like, so that an axis has round numbers."""
    size = 1.0
    while size * 10 < value:
        size *= 10
    while size > value > 0:
        size /= 10
    return next((step * size for step in (1, 2, 4, 6, 8) if step * size >= value), 10 * size)


def _text(x: float, y: float, words: str, kind: str = "", anchor: str = "start") -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}" class="{kind}" text-anchor="{anchor}">{escape(words)}</text>'


def _box(x: float, y: float, width: float, height: float, colour: str, more: str = "") -> str:
    return f'<rect x="{x:.1f}" y="{y:.1f}" width="{width:.1f}" height="{height}" fill="{colour}" {more}/>'
