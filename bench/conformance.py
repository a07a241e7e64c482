"""`python -m bench.conformance FOLDER`: the Model Context Protocol's own tests, as npm has put them into the
folder, against a box. Ends with status 1 where something that applies does not pass.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path

from tests.journeys.running import running

SERVER = ("server-initialize", "ping", "tools-list", "dns-rebinding-protection")


def main() -> None:
    modules = Path(sys.argv[1]).resolve() / "node_modules"
    node, tests = modules / ".bin/node", modules / "@modelcontextprotocol/conformance/dist/index.js"
    command = [str(node), str(tests)]
    with tempfile.TemporaryDirectory() as home, running(Path(home)) as box:
        asked = {name: [*command, "server", "--url", f"{box.address}/mcp", "--scenario", name] for name in SERVER}
        passed = {name: _passes(words) for name, words in asked.items()}
    for name, well in passed.items():
        print(f"{name}: {'passes' if well else 'FAILS'}")
    sys.exit(not all(passed.values()))


def _passes(words: list[str]) -> bool:
    ended = subprocess.run(words, capture_output=True, text=True, timeout=120, check=False)
    if ended.returncode:
        print(ended.stdout + ended.stderr, file=sys.stderr)
    return ended.returncode == 0


main()
