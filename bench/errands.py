"""Thirty small errands for an agent: files, a database, Python, one's own documents, and two of these in turn. What
solves each is computed from the world that it is run in, and looked for in the answer or in the folder."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from statistics import median

from bench.errand_world import (
    CONTACTS,
    CUSTOMERS,
    POEM,
    PRODUCTS,
    SETTINGS,
    TASKS,
    UNSOLD,
    log_lines,
    orders,
    spending,
    stock,
    temperatures,
)

Solved = Callable[[Path, str], bool]

INSTRUCTIONS = "You solve tasks with the tools that you have. Look before you answer, and end with a short answer."
_TABLES = {
    "files": "[tools.files]",
    "python": "[tools.python]",
    "shop": '[tools.shop]\nkind = "sql"\nfile = "{place}/data/shop.db"',
    "search": '[tools.search]\nfolders = ["manuals"]',
}


@dataclass(frozen=True, slots=True)
class Errand:
    """`tools` names tables of the agent's file; `solved` looks at the folder and at the last answer."""

    name: str
    tools: tuple[str, ...]
    task: str
    solved: Solved

    def agent(self, place: Path, model: str) -> str:
        """The agent's file for a world that was laid in `place`."""
        drafts = f'drafts = {{ path = "{place}/drafts", write = true }}'
        folders = f'notes = "{place}/notes"\nmanuals = "{place}/manuals"\n{drafts}'
        tables = "\n".join(_TABLES[tool].format(place=place) for tool in self.tools)
        head = f'model = "{model}"\ninstructions = "{INSTRUCTIONS}"\napproval = []\n'
        return f"{head}[folders]\n{folders}\n{tables}\n[limits]\nsteps = 12\ntokens = 30000\nseconds = 300\n"


def says(*wanted: str) -> Solved:
    """All of these words stand in the answer, whatever their case."""
    return lambda _, answer: all(word.casefold() in answer.casefold() for word in wanted)


def counts(wanted: float) -> Solved:
    """The number stands in the answer, by itself: 12 is not in 120."""
    return lambda _, answer: any(abs(number - wanted) < 0.006 for number in _numbers(answer))


def writes(name: str, *wanted: str, without: tuple[str, ...] = ()) -> Solved:
    """A file of the drafts holds these words, and not those."""

    def look(place: Path, _: str) -> bool:
        file = place / "drafts" / name
        text = file.read_text().casefold() if file.is_file() else ""
        return all(word.casefold() in text for word in wanted) and not any(word.casefold() in text for word in without)

    return look


def errands() -> list[Errand]:
    return [*_with_files(), *_with_the_shop(), *_with_python(), *_with_manuals(), *_with_two_tools()]


def _with_files() -> list[Errand]:
    ask = ("files",)
    left = [task for task, done in TASKS if not done]
    phone = next(phone for name, _, phone in CONTACTS if name == "Chiara Conti")
    reports = writes("turnover.txt", "412,000", "468,500")
    return [
        Errand("chair", ask, "Who chaired the meeting that is described in notes/meeting.md?", says("Greta Vogel")),
        Errand("phone", ask, "What is Chiara Conti's phone number? It is in notes/contacts.csv.", says(phone[-8:])),
        Errand(
            "timeout", ask, "Which timeout has mail in notes/settings.ini?", counts(float(SETTINGS["mail"]["timeout"]))
        ),
        Errand("heron", ask, "Which file of the notes mentions the project Blue Heron?", says("meeting.md")),
        Errand(
            "fern",
            ask,
            "In which year did the Silver Fern project begin? Look into the reports in notes/reports.",
            says("2025"),
        ),
        Errand(
            "port",
            ask,
            "Change the port in drafts/server.ini to 9090.",
            writes("server.ini", "port = 9090", "host = 0.0.0.0", without=("8080",)),
        ),
        Errand(
            "letter",
            ask,
            "In drafts/letter.txt, replace NAME with Elm School.",
            writes("letter.txt", "Dear Elm School,", "thank you", without=("NAME",)),
        ),
        Errand(
            "open",
            ask,
            "Write the tasks of notes/todo.txt that are not done yet, one a line, to drafts/open.txt.",
            writes("open.txt", *left, without=("Water the plants", "fire certificate")),
        ),
        Errand(
            "turnover",
            ask,
            "Write the turnover of 2024 and of 2025 to drafts/turnover.txt. See notes/reports/2025.md.",
            reports,
        ),
    ]


def _with_the_shop() -> list[Errand]:
    ask = ("shop",)
    price = [price for _, price in PRODUCTS]
    spent, cities = _spent()
    february = sum(day.startswith("2026-02") for *_, day in orders())
    most_ordered = Counter(customer for customer, *_ in orders()).most_common(1)[0][0]
    return [
        Errand(
            "lisbon",
            ask,
            "How many customers of the shop are in Lisbon?",
            counts(sum(city == "Lisbon" for _, city in CUSTOMERS)),
        ),
        Errand(
            "dearest",
            ask,
            "Which product of the shop costs most?",
            says(max(PRODUCTS, key=lambda product: product[1])[0]),
        ),
        Errand(
            "average",
            ask,
            "What is the average price of the shop's products, to two decimals?",
            counts(round(sum(price) / len(price), 2)),
        ),
        Errand("february", ask, "How many orders were made in February 2026?", counts(february)),
        Errand(
            "revenue",
            ask,
            "What is the total revenue of all orders (quantity times price)?",
            counts(sum(spent.values())),
        ),
        Errand("unsold", ask, "Which product has never been ordered?", says(UNSOLD)),
        Errand("faithful", ask, "Which customer has made the most orders?", says(CUSTOMERS[most_ordered - 1][0])),
        Errand(
            "city",
            ask,
            "In which city do customers spend most in all (quantity times price)?",
            says(max(cities, key=lambda city: cities[city])),
        ),
    ]


def _with_python() -> list[Errand]:
    ask = ("python",)
    travel = sum(euros for _, kind, euros in spending() if kind == "travel")
    value = sum(int(str(item["count"])) * int(str(item["price"])) for item in stock())
    return [
        Errand("prime", ask, "What is the 150th prime number?", counts(863)),
        Errand(
            "days",
            ask,
            "How many days lie between 10 February 2024 and 3 November 2026?",
            counts((date(2026, 11, 3) - date(2024, 2, 10)).days),
        ),
        Errand(
            "median",
            ask,
            "What is the median of the numbers in notes/temperatures.txt, one a line?",
            counts(median(temperatures())),
        ),
        Errand(
            "travel",
            ask,
            "notes/budget.csv has the columns month, category and euros. How much was spent on travel in all?",
            counts(round(travel, 2)),
        ),
        Errand(
            "errors",
            ask,
            "How many lines of notes/server.log hold ERROR?",
            counts(sum(level == "ERROR" for level, _ in log_lines())),
        ),
        Errand(
            "words",
            ask,
            "How many times does the word river, with or without 's, stand in notes/poem.txt, whatever its case?",
            counts(len(re.findall("river", POEM, re.IGNORECASE))),
        ),
        Errand(
            "stock",
            ask,
            "notes/stock.json lists item, count and price. What is all of it worth (count times price)?",
            counts(value),
        ),
    ]


def _with_manuals() -> list[Errand]:
    ask = ("search",)
    return [
        Errand("boiler", ask, "How much water pressure should the boiler have when it is cold?", says("1.4")),
        Errand("badge", ask, "Which extension do I call when I have lost my badge?", says("4471")),
    ]


def _with_two_tools() -> list[Errand]:
    spent, _ = _spent()
    best = CUSTOMERS[max(spent, key=lambda customer: spent[customer]) - 1][0]
    cheaper = dict(PRODUCTS)["Lamp"] * (1 - float(SETTINGS["shop"]["discount_percent"]) / 100)
    in_town = sum(city == "Lisbon" for _, city in CUSTOMERS)
    return [
        Errand(
            "best",
            ("shop", "files"),
            "Find the customer who has spent most in all (quantity times price) and write the name to drafts/best.txt.",
            writes("best.txt", best),
        ),
        Errand(
            "discount",
            ("files", "shop"),
            "notes/settings.ini says which discount the shop gives in per cent. What does a Lamp cost after it?",
            counts(cheaper),
        ),
        Errand(
            "farid",
            ("files", "shop"),
            "In which city does Farid Haddad of notes/contacts.csv live, and how many customers has the shop there?",
            counts(in_town),
        ),
        Errand(
            "allowance",
            ("search", "files"),
            "Find in the manuals what is paid for meals abroad a day, and write the amount to drafts/allowance.txt.",
            writes("allowance.txt", "46"),
        ),
    ]


def _spent() -> tuple[dict[int, float], dict[str, float]]:
    """Euros by customer, and by city."""
    by_customer: dict[int, float] = {}
    by_city: dict[str, float] = {}
    for customer, product, quantity, _ in orders():
        euros = quantity * PRODUCTS[product - 1][1]
        city = CUSTOMERS[customer - 1][1]
        by_customer[customer] = by_customer.get(customer, 0.0) + euros
        by_city[city] = by_city.get(city, 0.0) + euros
    return by_customer, by_city


def _numbers(text: str) -> list[float]:
    plain = re.sub(r"(?<=\d),(?=\d{3}\b)", "", text)
    return [float(number) for number in re.findall(r"-?\d+(?:\.\d+)?", plain)]
