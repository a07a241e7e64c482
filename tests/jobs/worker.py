"""A small job for the tests: counts to `to`, keeps what it has counted, and does as its orders say on the way."""

import json
import os
import signal
import sys
import time


def say(**words: object) -> None:
    print(json.dumps(words), flush=True)


orders = json.loads(sys.stdin.readline())
count = (orders["kept"] or {}).get("count", 0)
say(message=f"begins at {count}", kept={"count": count})
while count < orders["to"]:
    count += 1
    say(progress=count / orders["to"], kept={"count": count})
say(metrics={"step": count, "counted": count})
if orders["then"] == "again" and not (orders["kept"] or {}).get("ready"):
    say(again=True, kept={"count": count, "ready": True})
    sys.exit()
if orders["then"] == "wait":
    time.sleep(600)
if orders["then"] == "rest" and "rested" not in (orders["kept"] or {}):
    say(rests="waits for a word", kept={"count": count, "rested": True})
    sys.exit(0)
if orders["then"] == "refuse":
    say(error="The orders cannot be carried out.")
    sys.exit(1)
if orders["then"] == "die":
    os.kill(os.getpid(), signal.SIGKILL)
if orders["then"] == "grumble":
    print("this is no JSON")
    sys.exit("and this is the end")
say(result={"counted": count, "policy": os.sched_getscheduler(0), "nice": os.nice(0), "folder": orders["folder"]})
