#!/usr/bin/env python3
"""Makes src/tinderbox/web/static/vendor again from npm: by name, version and the hash of the package.

python scripts/vendor.py            fetch (with `npm pack`), verify and write
python scripts/vendor.py --check    fetch, verify, and only compare; exit status 1 where something differs
"""

from __future__ import annotations

import base64
import hashlib
import subprocess
import sys
import tarfile
import tempfile
from dataclasses import dataclass
from pathlib import Path

VENDOR = Path(__file__).parent.parent / "src/tinderbox/web/static/vendor"


@dataclass(frozen=True, slots=True)
class Package:
    """One library: `integrity` is npm's own hash of the package, `files` are copied unchanged under their own names."""

    name: str
    version: str
    licence: str
    use: str
    integrity: str
    folder: str
    files: tuple[str, ...]


PACKAGES = (
    Package(
        "marked",
        "18.2.1",
        "MIT",
        "markdown to HTML",
        "sha512-ii4bxCTCqqwpT86XZWgJNs+ZnAIZksmLGYMViWA7PDIXYIeNo1x6cDdX3JOip9NM/cI6p8z57FxliACboTruMA==",
        "marked",
        ("lib/marked.esm.js", "LICENSE"),
    ),
    Package(
        "dompurify",
        "3.4.18",
        "MPL-2.0 or Apache-2.0",
        "what may stay of that HTML",
        "sha512-ofe3wI/uNm68HInABYFJYqQxRw1EaKAjNdrFVKqjUY+UZurvNd2L/HuQe097s/4RivWiZyP6tT7aoT8atjfhwg==",
        "dompurify",
        ("dist/purify.es.mjs", "LICENSE", "LICENSE-MPL"),
    ),
    Package(
        "@highlightjs/cdn-assets",
        "11.12.0",
        "BSD-3-Clause",
        "the colours of code, common languages",
        "sha512-KvOKXODaiFmId9xaq3xc5xCL66wVLUuOngDbO9B/kewbFTqdGbn2nJxNhN3H5R1cgDTVj6R8vH0zgiNDEGjpDw==",
        "highlight",
        ("es/highlight.min.js", "LICENSE"),
    ),
)


def fetch(package: Package, folder: Path) -> dict[str, bytes]:
    """The wanted files of one package, by their path in `vendor`. Raises ValueError for another hash than the known."""
    packed = subprocess.run(
        ["npm", "pack", "--silent", f"{package.name}@{package.version}"],
        cwd=folder,
        check=True,
        capture_output=True,
        text=True,
    )
    archive = folder / packed.stdout.strip().splitlines()[-1]
    found = "sha512-" + base64.b64encode(hashlib.sha512(archive.read_bytes()).digest()).decode()
    if found != package.integrity:
        raise ValueError(f"{package.name} {package.version} has the hash {found}, not {package.integrity}")
    with tarfile.open(archive) as contents:
        return {f"{package.folder}/{Path(name).name}": read(contents, f"package/{name}") for name in package.files}


def read(archive: tarfile.TarFile, name: str) -> bytes:
    member = archive.extractfile(name)
    if member is None:
        raise ValueError(f"{name} is no plain file")
    return member.read()


def notes() -> bytes:
    rows = [f"| {p.name} | {p.version} | {p.licence} | `{p.folder}/` | {p.use} |" for p in PACKAGES]
    return "\n".join(
        [
            "# Libraries of the page",
            "",
            "Unchanged files from npm; each folder holds its licence. `scripts/vendor.py` makes this folder again.",
            "",
            "| package | version | licence | folder | for |",
            "|---|---|---|---|---|",
            *rows,
            "",
        ]
    ).encode()


def main(check: bool) -> int:
    with tempfile.TemporaryDirectory() as folder:
        wanted = {"README.md": notes()}
        for package in PACKAGES:
            wanted |= fetch(package, Path(folder))
    differing = [name for name, content in wanted.items() if not same(VENDOR / name, content)]
    for name in differing:
        sys.stdout.write(f"{'differs' if check else 'written'}: {name}\n")
        if not check:
            (VENDOR / name).parent.mkdir(parents=True, exist_ok=True)
            (VENDOR / name).write_bytes(wanted[name])
    return 1 if check and differing else 0


def same(path: Path, content: bytes) -> bool:
    return path.is_file() and path.read_bytes() == content


if __name__ == "__main__":
    sys.exit(main(check="--check" in sys.argv[1:]))
