"""A run of an agent with its journal and one folder of notes, without a model: the test says what the model calls."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from tinderbox.agents.definition import parse
from tinderbox.agents.desk import make_desk
from tinderbox.agents.journal import Journal
from tinderbox.agents.steps import Said, Steps
from tinderbox.agents.tools import Tool, make_tools

FILE = """
model = "echo:1b"
[folders]
drafts = {{ path = "{folder}", write = true }}
[tools.files]
[limits]
steps = 3
tokens = 100
"""


@dataclass(frozen=True)
class Trail:
    """The home and the folder that the agent may write."""

    home: Path
    drafts: Path

    @property
    def journal(self) -> Journal:
        return Journal(self.home)

    def begin(self, approval: str = "approval = []") -> tuple[Steps, dict[str, Tool]]:
        """A process's start of the run: its steps so far and its tools by name."""
        text = approval + FILE.format(folder=self.drafts)
        agent = parse(text, "notes", self.home / "agents/notes.toml", self.home)
        run = self.journal.open_run(1, agent.name, agent.model, "Write a note.")
        desk = make_desk(self.home / "runs/1/scratch", agent.folders, agent.limits)
        tools = make_tools(agent, desk, sandbox=False)
        return Steps(run, self.journal, agent.limits, desk), {tool.name: tool for tool in tools}


def make_trail(root: Path) -> Trail:
    root = root.resolve()
    for name in ("home", "drafts"):
        (root / name).mkdir()
    return Trail(root / "home", root / "drafts")


async def said(tokens: int) -> Said:
    """An answer of a model of ten tokens, half of them read anew."""
    return Said(["request", "answer"], read=5, cached=20, written=5)
