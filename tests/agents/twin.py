"""The process of a run without a model or its libraries: it looks into a folder, asks where the task says so, and
answers with the task."""

import json
import sys
import time
from pathlib import Path

from tinderbox.agents.journal import Journal, waiting_step


def say(**words: object) -> None:
    print(json.dumps(words), flush=True)


orders = json.loads(sys.stdin.readline())
journal = Journal(Path(orders["home"]))
number, task = orders["number"], orders["task"]
run = journal.open_run(number, orders["agent"], "echo:1b", task)
steps = journal.steps(number)
if not steps:
    chat = journal.begin(number, "chat", "echo:1b")
    journal.end(number, chat, "done", ["request", {"parts": []}], read=7, cached=3, written=2)
    state = "asked" if "ask first" in task else "begun"
    step = journal.begin(number, "tool", "files_list", state=state, parent=1, call="call-1", given={"path": ""})
    if state == "begun":
        journal.end(number, step, "done", "There is nothing yet.")
if waiting_step(journal.steps(number)):
    say(rests="waits for your word: files_list {}")
    sys.exit(0)
if "wait" in task:
    time.sleep(600)
if "fail" in task:
    say(error="The run has made the 20 steps that it may, without an answer.")
    sys.exit(1)
said = "; ".join(message["content"] for message in orders.get("before") or [])
answer = f"{said}|{task}|{journal.steps(number)[-1].state}"
journal.close_run(number, "answered", answer)
say(result={"answer": answer})
