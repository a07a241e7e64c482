"""`Name`: how a person says which model is meant.

`smollm2:135m` is in the catalogue, `hf:ORG/REPO` or `hf:ORG/REPO:FILE` on the Hugging Face hub (FILE may be just a
quantisation), `https://…/x.gguf` anywhere, and a path to a `.gguf` file on this machine. With `+facts` behind it a name
of the store means the adapter `facts` of that model.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from tinderbox.errors import NotAllowed, WrongUsage
from tinderbox.models.reach import reach

_WORD = r"[A-Za-z0-9][A-Za-z0-9._-]*"
_CATALOGUE = re.compile(rf"({_WORD})(?::({_WORD}))?")
_HUB = re.compile(rf"hf:({_WORD}/{_WORD})(?::(.+))?")
_ADAPTER = re.compile(rf"(.+)\+({_WORD})")
_FORMS = "Write smollm2:135m, hf:ORG/REPO, hf:ORG/REPO:Q4_K_M, https://…/x.gguf or a path to a .gguf file."


@dataclass(frozen=True, slots=True)
class CatalogueName:
    """A name of ours; without a tag it means the family's first."""

    family: str
    tag: str | None = None

    def __str__(self) -> str:
        return f"{self.family}:{self.tag}" if self.tag else self.family


@dataclass(frozen=True, slots=True)
class HubName:
    """A repository of the hub; `file` is a file's path in it, or a quantisation such as `Q4_K_M`."""

    repository: str
    file: str | None = None

    def __str__(self) -> str:
        return f"hf:{self.repository}:{self.file}" if self.file else f"hf:{self.repository}"


@dataclass(frozen=True, slots=True)
class FileName:
    path: Path

    def __str__(self) -> str:
        return str(self.path)

    @property
    def own_name(self) -> str:
        """What it is called in the store unless somebody says otherwise: its stem, in the letters of a name."""
        return re.sub(r"[^a-z0-9._-]+", "-", self.path.stem.lower()).strip("-._") or "model"


@dataclass(frozen=True, slots=True)
class UrlName:
    url: str

    def __str__(self) -> str:
        return self.url

    @property
    def file(self) -> str:
        return self.url.partition("?")[0].rpartition("/")[2]


@dataclass(frozen=True, slots=True)
class AdapterName:
    """An adapter by the name of its base and its own."""

    base: CatalogueName | HubName
    name: str

    def __str__(self) -> str:
        return f"{self.base}+{self.name}"


Name = CatalogueName | HubName | FileName | UrlName | AdapterName


def parse(text: str) -> Name:
    """The name that `text` says. Raises WrongUsage, with the forms there are, for anything else."""
    text = text.strip()
    if text.startswith(("http://", "https://")):
        return _url(text)
    if (match := _ADAPTER.fullmatch(text)) and not text.endswith(".gguf"):
        return _adapter(match[1], match[2])
    if text.startswith("hf:"):
        return _hub(text)
    if "://" in text:
        raise WrongUsage(f"'{text}' has no scheme that is known here.", _FORMS)
    if text.endswith(".gguf"):  # nothing else: a name that a client sends must not read other files
        if not reach().paths:
            raise NotAllowed(
                "A path can be named only on the box's own machine.", "Name a model of the store; see /v1/models."
            )
        return FileName(Path(text).expanduser())
    if match := _CATALOGUE.fullmatch(text):
        return CatalogueName(match[1].lower(), match[2].lower() if match[2] else None)
    raise WrongUsage(f"'{text}' is no model name.", _FORMS)


def _adapter(base: str, name: str) -> AdapterName:
    wanted = parse(base)
    if isinstance(wanted, CatalogueName | HubName):
        return AdapterName(wanted, name.lower())
    raise WrongUsage(
        f"'{base}' can have no adapters.", "Name a model of the store and one adapter: smollm2:135m+facts."
    )


def _url(text: str) -> UrlName:
    name = UrlName(text)
    if not name.file.endswith(".gguf") or not re.fullmatch(r"https?://[^/\s]+/\S+", text):
        raise WrongUsage(f"'{text}' is no address of a .gguf file.", _FORMS)
    return name


def _hub(text: str) -> HubName:
    match = _HUB.fullmatch(text)
    if match is None or ".." in text:
        raise WrongUsage(f"'{text}' names no repository.", "Write hf:ORG/REPO or hf:ORG/REPO:FILE.")
    return HubName(match[1], match[2])
