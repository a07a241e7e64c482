"""What the Hugging Face hub says of a model: which files, how large, with which checksum, at which address.

huggingface_hub is asked, so HF_ENDPOINT, HF_TOKEN, HF_HUB_OFFLINE and a login hold; the bytes are fetched by `fetch`.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from tinderbox.errors import DownloadFailed, NotFound, did_you_mean
from tinderbox.models.fetch import Remote
from tinderbox.units import Bytes

PREFERRED = "Q4_K_M"
_SHARD = re.compile(r"(.+)-\d{5}-of-\d{5}\.gguf")
_QUANTISATION = re.compile(r"(?i)\b((?:UD-)?(?:I?Q\d\w*|TQ\d_\d|BF16|F16|F32|MXFP4\w*|NVFP4))\b")


@dataclass(frozen=True, slots=True)
class HubModel:
    """The files of one model of a repository, shards in order."""

    remotes: tuple[tuple[str, Remote], ...]
    licence: str | None


def offered(repository: str, wanted: str | None) -> HubModel:
    """The files that `wanted` means: a file's path, a quantisation, or None for the usual one.

    Raises NotFound with what there is, DownloadFailed where the hub cannot be asked.
    """
    from huggingface_hub import HfApi

    with _translated(repository):
        info = HfApi(endpoint=_endpoint()).model_info(repository, files_metadata=True, timeout=10)
    files = {
        item.rfilename: (item.lfs.size if item.lfs else item.size, item.lfs.sha256 if item.lfs else None)
        for item in info.siblings or []
    }
    chosen = choose(repository, sorted(files), wanted)
    licence = getattr(info.card_data, "license", None) if info.card_data else None
    remotes = [(file, _remote(repository, file, info.sha, *files[file])) for file in chosen]
    return HubModel(tuple(remotes), licence)


def located(repository: str, file: str) -> Remote:
    """One file whose path is known: a single question."""
    from huggingface_hub import get_hf_file_metadata, hf_hub_url

    url = hf_hub_url(repository, file, endpoint=_endpoint())
    with _translated(f"{repository}, file {file}"):
        facts = get_hf_file_metadata(url, timeout=10, endpoint=_endpoint(), headers=_headers())
    sha256 = facts.etag if facts.etag and re.fullmatch(r"[0-9a-f]{64}", facts.etag) else None
    return Remote(
        hf_hub_url(repository, file, revision=facts.commit_hash, endpoint=_endpoint()), facts.size, sha256, _headers()
    )


def choose(repository: str, files: Iterable[str], wanted: str | None) -> list[str]:
    """The files of one model among a repository's; several where it is in shards."""
    sets = _sets(files)
    if not sets:
        raise NotFound(f"{repository} has no .gguf file.", "Look for a repository whose name ends in -GGUF.")
    found = _found(sets, wanted)
    if len(found) != 1:
        raise _unclear(repository, sets, wanted, found)
    return found[0]


def _found(sets: dict[str, list[str]], wanted: str | None) -> list[list[str]]:
    if wanted is not None and wanted.endswith(".gguf"):
        return [group for group in sets.values() if any(wanted in (file, _base(file)) for file in group)]
    found = [group for name, group in sets.items() if _has(name, wanted or PREFERRED)]
    return list(sets.values()) if wanted is None and not found and len(sets) == 1 else found


def _unclear(repository: str, sets: dict[str, list[str]], wanted: str | None, found: list[list[str]]) -> NotFound:
    if found:
        names = ", ".join(group[0] for group in found[:8])
        return NotFound(f"{repository} has several files for '{wanted or PREFERRED}': {names}.", "Name one of them.")
    have = sorted({match[1] for name in sets if (match := _QUANTISATION.search(_base(name)))}) or sorted(sets)
    remedy = did_you_mean(wanted or "", have) or f"Write one of them behind the name, as in hf:{repository}:{have[0]}."
    return NotFound(f"{repository} has no {wanted or PREFERRED}; it has {', '.join(have[:24])}.", remedy)


def _sets(files: Iterable[str]) -> dict[str, list[str]]:
    """Models by name; a projector for pictures is no model."""
    sets: dict[str, list[str]] = {}
    for file in sorted(files):
        if file.endswith(".gguf") and not _base(file).startswith("mmproj"):
            match = _SHARD.fullmatch(file)
            sets.setdefault(match[1] if match else file.removesuffix(".gguf"), []).append(file)
    return sets


def _has(name: str, quantisation: str) -> bool:
    return re.search(rf"(?i)(^|[-._]){re.escape(quantisation)}$", _base(name)) is not None


def _base(path: str) -> str:
    return path.rpartition("/")[2]


def _remote(repository: str, file: str, revision: str | None, size: Bytes | None, sha256: str | None) -> Remote:
    from huggingface_hub import hf_hub_url

    url = hf_hub_url(repository, file, revision=revision, endpoint=_endpoint())
    return Remote(url, size, sha256, _headers())


def _endpoint() -> str | None:
    return os.environ.get("HF_ENDPOINT") or None


def _headers() -> dict[str, str]:
    """The person's token, where there is one: it is sent to the hub and to nobody that the hub points to."""
    from huggingface_hub import get_token

    token = get_token()
    return {"Authorization": f"Bearer {token}"} if token else {}


@contextmanager
def _translated(what: str) -> Iterator[None]:
    """Turns the hub's errors into ours."""
    import httpx2
    from huggingface_hub import errors

    try:
        yield
    except errors.GatedRepoError as error:
        raise DownloadFailed(
            f"{what} is given only to those who accepted its terms.",
            "Accept them on the model's page and set HF_TOKEN.",
        ) from error
    except (errors.RepositoryNotFoundError, errors.RemoteEntryNotFoundError, errors.RevisionNotFoundError) as error:
        raise NotFound(f"The hub has no {what}.", "Look at the spelling; a private one needs HF_TOKEN.") from error
    except errors.OfflineModeIsEnabled as error:
        raise DownloadFailed("HF_HUB_OFFLINE is set, so the hub is not asked.", "Unset it to download.") from error
    except errors.HFValidationError as error:
        raise NotFound(f"'{what}' is no name of a repository.", "Write hf:ORG/REPO.") from error
    except (errors.HfHubHTTPError, httpx2.HTTPError) as error:
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise DownloadFailed(f"The hub could not be asked for {what}: {reason}.", _CONNECTION) from error


_CONNECTION = "Look at the connection (HF_ENDPOINT names another hub)."
