"""Strings of a schema: formats as patterns, and how a string's automaton or length is written in a grammar."""

from __future__ import annotations

from tinderbox.serve.structure.automaton import Automaton, automaton, bounded, meet

_LONG_MONTH = "(0[13578]|1[02])-(0[1-9]|[12][0-9]|3[01])"
_SHORT_MONTH = "(0[469]|11)-(0[1-9]|[12][0-9]|30)|02-(0[1-9]|1[0-9]|2[0-8])"
_DATE = f"(19|20)[0-9]{{2}}-({_LONG_MONTH}|{_SHORT_MONTH})"
_TIME = r"([01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9](\.[0-9]{1,6})?(Z|[+-](0[0-9]|1[0-2]):[0-5][0-9])"
_LABEL = "[a-z0-9]{1,16}(-[a-z0-9]{1,16})?"  # two hyphens together mean something else
_HOST = rf"{_LABEL}(\.{_LABEL}){{0,3}}"
_OCTET = "(25[0-5]|2[0-4][0-9]|1[0-9]{2}|[1-9]?[0-9])"
_NAME = "[A-Za-z0-9_+-]{1,20}"  # three of them are the 64 characters before an @
_EMAIL = rf"^{_NAME}(\.{_NAME}){{0,2}}@{_LABEL}(\.{_LABEL}){{0,2}}\.[a-z]{{2,8}}$"
_URI = rf"^https?://{_LABEL}(\.{_LABEL}){{0,2}}\.[a-z]{{2,8}}(/[A-Za-z0-9._~-]*)*(\?[A-Za-z0-9=&_-]*)?$"
_COUNT = "(0|[1-9][0-9]{0,3})"

# Narrower than the formats are: what matches is right for every validator, and a grammar need not offer all there is.
FORMATS = {
    "date": f"^{_DATE}$",
    "time": f"^{_TIME}$",
    "date-time": f"^{_DATE}T{_TIME}$",
    "duration": rf"^P({_COUNT}D(T{_COUNT}H)?|{_COUNT}W|T({_COUNT}H({_COUNT}M)?|{_COUNT}M({_COUNT}S)?|{_COUNT}S))$",
    "email": _EMAIL,
    "idn-email": _EMAIL,
    "hostname": f"^{_HOST}$",
    "idn-hostname": f"^{_HOST}$",
    "ipv4": rf"^{_OCTET}(\.{_OCTET}){{3}}$",
    "ipv6": "^[0-9a-f]{1,4}(:[0-9a-f]{1,4}){7}$",
    "uri": _URI,
    "uri-reference": _URI,
    "iri": _URI,
    "iri-reference": _URI,
    "url": _URI,
    "uri-template": _URI,
    "uuid": "^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$",
    "json-pointer": "^(/[A-Za-z0-9_-]+)*$",
    "relative-json-pointer": f"^{_COUNT}(/[A-Za-z0-9_-]+)*$",
    "regex": "^[A-Za-z0-9 ]+$",
    "byte": "^([A-Za-z0-9+/]{4})*([A-Za-z0-9+/]{3}=|[A-Za-z0-9+/]{2}==)?$",
}

_MOST_STATES = 3000
_DEEPEST = 40
_FEW_STATES = 300  # of a pattern whose length nobody asked to bound
# A character of a JSON string: as it is, or behind a backslash. A line end in a text is `\n`.
CHAR = r'[ !#-\[\]-~\u00A0-\uD7FF\uE000-\U0010FFFF] | "\\" ["\\/nrt]'


def text_automaton(patterns: list[str], low: int, high: int | None, most: int) -> Automaton:
    """The texts that match all `patterns`, of `low` to `high` characters: as few as `most`, or as can be followed,
    where that is enough."""
    found = automaton(patterns[0])
    for pattern in patterns[1:]:
        found = meet(found, automaton(pattern))
    most, states = (most, _FEW_STATES) if high is None else (high, _MOST_STATES)
    room = min(most, states // max(1, len(found.edges)))
    short = bounded(found, low, max(low, room))
    return bounded(found, low, high) if short.is_empty and room != high else short


def write(found: Automaton, name: str, *, quoted: bool) -> dict[str, str]:
    """Rules of a grammar that follow the automaton; the first is `name`."""
    rules = {}
    for state, edges in enumerate(found.edges):
        ends = ['"\\""' if quoted else '""'] if state in found.accepting else []
        targets: dict[int, list[str]] = {}
        for low, high, to in edges:
            targets.setdefault(to, []).extend(_spelt(low, high) if quoted else [f"[{_code(low)}-{_code(high)}]"])
        steps = [f"{one} {_rule(name, to)}" for to, texts in targets.items() for one in _classes(texts)]
        rules[_rule(name, state)] = " | ".join([*steps, *ends])
    return rules


def quote(text: str) -> str:
    """A text as a literal of a grammar."""
    return '"' + "".join(_ESCAPES.get(char) or char for char in text) + '"'


def one_of(texts: list[str], depth: int = 0) -> str:
    """One of several texts, which are sorted: what they begin with together is written once, so that an engine has few
    of them to follow at a time."""
    if len(texts) == 1 or depth > _DEEPEST:
        return " | ".join(map(quote, texts))
    groups: dict[str, list[str]] = {}
    for text in texts:
        groups.setdefault(text[:1], []).append(text)
    ways = []
    for group in groups.values():
        start = _shared(group[0], group[-1])
        rest = one_of([text[len(start) :] for text in group], depth + 1) if start and len(group) > 1 else None
        ways.append(f"{quote(start)} ({rest})" if rest else quote(group[0]))
    return " | ".join(ways)


def _shared(first: str, last: str) -> str:
    """What both begin with, and so all that are sorted between them."""
    return next((first[:at] for at, pair in enumerate(zip(first, last, strict=False)) if pair[0] != pair[1]), first)


_ESCAPES = {'"': '\\"', "\\": "\\\\", "\n": "\\n", "\r": "\\r", "\t": "\\t"}
_JSON = {0x09: '"\\\\t"', 0x0A: '"\\\\n"', 0x0D: '"\\\\r"', 0x22: '"\\\\\\""', 0x5C: '"\\\\\\\\"'}


def _spelt(low: int, high: int) -> list[str]:
    """Characters as they stand in a JSON string: ranges, and escapes for those that need one."""
    found = []
    for code in sorted(code for code in _JSON if low <= code <= high):
        if low < code:
            found.append(f"[{_code(low)}-{_code(code - 1)}]")
        found.append(_JSON[code])
        low = code + 1
    return [*found, f"[{_code(low)}-{_code(high)}]"] if low <= high else found


def _classes(texts: list[str]) -> list[str]:
    """Ranges that lead to one place, joined into one class."""
    ranges = "".join(text[1:-1] for text in texts if text.startswith("["))
    return [*([f"[{ranges}]"] if ranges else []), *(text for text in texts if not text.startswith("["))]


def _code(code: int) -> str:
    if chr(code).isalnum() and code < 0x7F:
        return chr(code)
    return f"\\x{code:02X}" if code < 0x100 else f"\\u{code:04X}" if code < 0x10000 else f"\\U{code:08X}"


def _rule(name: str, state: int) -> str:
    return f"{name}-{state}" if state else name
