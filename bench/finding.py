"""How well passages are found: by words, by a model's vectors, and by both, over documents and questions of our own.

Half of the questions use the words of the passage that answers them, half do not.
"""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from functools import partial
from pathlib import Path

import httpx2
from tests.journeys.running import running

from bench.figure import Result
from tinderbox.agents.index import Document, Index, open_index
from tinderbox.agents.outside import Embed
from tinderbox.agents.passages import cut
from tinderbox.agents.search import fuse
from tinderbox.models.store import Store

DOCUMENTS = {
    "house/heating.md": """# Heating

## Thermostat
The thermostat in the hall is set to 20 degrees by day and 16 at night. Hold the round button for three seconds to
change the programme.

## Boiler pressure
The boiler must stand between 1.2 and 1.8 bar. If the pressure falls below one bar, open the filling valve under the
kitchen sink slowly until the needle is in the green.

## Service
Mr Brandt cleans the burner each October. His number is on the sticker inside the cupboard.
""",
    "house/garden.md": """# Garden

## Lawn
Cut the grass every ten days from April on, never shorter than four centimetres. In August leave it alone.

## Roses
Prune the roses when the forsythia blooms, down to five buds. Burn what is sick; do not compost it.

## Pond
The pump of the pond runs from nine to nineteen. In winter it lies in the cellar in a bucket of water, or its seal dries
out.
""",
    "house/insurance.md": """# Insurance

## Water damage
Policy 4471-B covers burst pipes and what they ruin, with 300 euros to be paid by ourselves. Report within a week.

## Bicycle
Bicycles are insured against theft up to 1,500 euros each if they were locked to something that does not move.

## Travel
Cancelled journeys are paid when a doctor forbids to travel. The certificate must be sent before departure.
""",
    "work/onboarding.md": """# The first week

## Accounts
Ask Ines for the laptop; the password of the first login is on paper and must be changed the same day.

## Working time
Core hours are from ten to three. Who starts earlier may leave earlier; overtime is taken as free days.

## Holidays
Thirty days a year. Enter them in the calendar two weeks ahead; in July at most half of the team is away.
""",
    "work/deploy.md": """# Releasing the shop

## Before
Run the migration on a copy of the database. It must end in under five minutes, or the night window is too short.

## Rollback
If the error rate passes two percent, switch the load balancer back to the blue machines. Do not revert the migration.

## After
Write to the support channel what has changed, in one sentence that a customer would understand.
""",
    "work/incident-2025-03.md": """# Incident of 14 March

## What happened
Payments failed for 47 minutes because a certificate of the payment provider had expired and was pinned in our client.

## What we changed
Certificates are no longer pinned. A job looks at their last day each morning and warns thirty days ahead.

## What went well
The on-call engineer was reached in four minutes, and the status page was honest.
""",
    "recipes/bread.md": """# Bread

## Sourdough
Feed the starter the evening before with equal parts of flour and water. It is ready when it floats.

## Baking
Bake at 250 degrees with steam for fifteen minutes, then at 210 for half an hour with the door open a crack.

## Keeping
Keep the loaf cut side down on wood, never in the fridge. What is left after four days makes crumbs.
""",
    "recipes/soup.md": """# Soups

## Lentils
Red lentils need no soaking and are soft in twelve minutes. Add vinegar at the end, or they stay hard.

## Stock
Roast the bones before they go into cold water. Salt comes last, when it has boiled down to what you want.

## Freezing
Leave two fingers of room in the jar: liquid grows when it turns to ice.
""",
    "health/notes.md": """# Notes for the doctor

## Allergies
Penicillin gives Jonas a rash. Hazelnuts are fine when they are roasted.

## Medicine
Grandmother takes the blood thinner at eight in the evening, never together with grapefruit.

## Vaccinations
Tetanus was refreshed in 2021 and is due again in 2031. The yellow booklets lie in the desk.
""",
    "car/manual.md": """# The car

## Tyres
Winter tyres from October to Easter. Pressure: 2.4 in front, 2.2 at the back, more when it is loaded.

## Starting with an empty battery
Red clamp to plus, black clamp to bare metal of the engine, never to the minus pole of the dead battery.

## Key
The spare key is with the neighbours at number nine. Its cell is a CR2032.
""",
}

# A question, and the passage that answers it.
SAID = {
    "What must the boiler pressure be?": "Boiler pressure",
    "When do I prune the roses?": "Roses",
    "Are burst pipes covered?": "Water damage",
    "Up to how much are bicycles insured against theft?": "Bicycle",
    "Who gives me the laptop?": "Accounts",
    "What are the core hours?": "Working time",
    "When do we switch the load balancer back?": "Rollback",
    "How long may the migration take?": "Before",
    "Which certificate had expired?": "What happened",
    "How do I feed the sourdough starter?": "Sourdough",
    "How long do red lentils cook?": "Lentils",
    "When does salt go into the stock?": "Stock",
    "Who gets a rash from penicillin?": "Allergies",
    "When is tetanus due again?": "Vaccinations",
    "What pressure do the tyres need?": "Tyres",
    "Where is the spare key?": "Key",
}
MEANT = {
    "How warm is it in the flat while we sleep?": "Thermostat",
    "Who comes to maintain the furnace?": "Service",
    "How often should I mow?": "Lawn",
    "What do I do with the water feature when it freezes?": "Pond",
    "A tap flooded the cellar, who pays?": "Water damage",
    "I fell ill before our vacation, do I get my money back?": "Travel",
    "How many days off do I have?": "Holidays",
    "The new version is broken, how do we go back?": "Rollback",
    "Whom do we tell about what is new?": "After",
    "Why could customers not pay in spring?": "What happened",
    "How do we avoid that this outage comes again?": "What we changed",
    "How hot must the oven be?": "Baking",
    "Where should I store a loaf?": "Keeping",
    "Why did the glass burst in the freezer?": "Freezing",
    "Which fruit must granny avoid?": "Medicine",
    "The engine does not turn over, how do I jump it?": "Starting with an empty battery",
}


def measure_finding(model: str, weights: Path) -> list[Result]:
    """The share of questions whose answer is among the first five passages, by both ways and by words alone."""
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder)
        Store(home).add_file(weights, model)
        with running(home) as box, open_index(home / "x.db", model) as index:
            embed = partial(_vectors, box.address)
            _fill(index, model, embed)
            words, both = _shares(index, model, embed)
    return [
        Result(f"questions answered by the first five passages, vectors of {model}", "", 0.7, "at least", (both,)),
        Result("the same, against words alone", "x", 1.2, "at least", (both / words,)),
    ]


def _vectors(address: str, model: str, texts: Sequence[str]) -> list[list[float]]:
    asked = {"model": model, "input": list(texts)}
    answer = httpx2.post(f"{address}/v1/embeddings", json=asked, timeout=300).raise_for_status()
    return [item["embedding"] for item in answer.json()["data"]]


def _fill(index: Index, model: str, embed: Embed) -> None:
    for path, text in DOCUMENTS.items():
        index.put(path, Document(0, 0, ""), cut(text))
    while waiting := index.unembedded(16):
        vectors = embed(model, [text for _, text in waiting])
        index.embed({number: vector for (number, _), vector in zip(waiting, vectors, strict=True)})


def _shares(index: Index, model: str, embed: Embed) -> tuple[float, float]:
    """By words, and by both."""
    right = [0, 0]
    for question, heading in (SAID | MEANT).items():
        words = index.by_words(question, 40)
        near = index.by_meaning(embed(model, [question])[0], 40)
        right[0] += _holds(index, words[:5], heading)
        right[1] += _holds(index, fuse(words, near)[:5], heading)
    return right[0] / len(SAID | MEANT), right[1] / len(SAID | MEANT)


def _holds(index: Index, numbers: list[int], heading: str) -> bool:
    return any(f"# {heading}\n" in found.text for found in index.found(numbers))
