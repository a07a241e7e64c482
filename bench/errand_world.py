"""The folder that errands are run in: notes, drafts, manuals and a shop's database, the same each time."""

from __future__ import annotations

import json
import random
import sqlite3
from collections.abc import Mapping
from contextlib import closing
from pathlib import Path

CONTACTS = (
    ("Amina Okafor", "Lagos", "+234 1 555 0134"),
    ("Bruno Keller", "Zurich", "+41 44 555 0177"),
    ("Chiara Conti", "Milan", "+39 02 555 0192"),
    ("Daniel Novak", "Prague", "+420 2 555 0119"),
    ("Elin Berg", "Oslo", "+47 22 555 0168"),
    ("Farid Haddad", "Lisbon", "+351 21 555 0143"),
    ("Greta Vogel", "Vienna", "+43 1 555 0155"),
    ("Hugo Silva", "Porto", "+351 22 555 0126"),
)
CUSTOMERS = (
    ("Arbor Clinic", "Lisbon"),
    ("Brightwater Bank", "Vienna"),
    ("Cedar Labs", "Lisbon"),
    ("Dune Energy", "Porto"),
    ("Elm School", "Vienna"),
    ("Fjord Shipping", "Oslo"),
    ("Garnet Foods", "Lisbon"),
    ("Harbour Hotel", "Porto"),
)
PRODUCTS = (
    ("Lamp", 40.0),
    ("Desk", 320.0),
    ("Chair", 95.5),
    ("Shelf", 130.0),
    ("Monitor", 260.25),
    ("Keyboard", 55.0),
    ("Curtain", 72.5),
)
UNSOLD = "Curtain"
TASKS = (
    ("Order paper for the printer", True),
    ("Call the landlord about the roof", False),
    ("Renew the fire certificate", True),
    ("Book the train to Vienna", False),
    ("Send the invoice to Dune Energy", False),
    ("Water the plants", True),
    ("Replace the lamp in room 4", False),
    ("Back up the photo archive", True),
    ("Ask Greta for the survey", False),
)
SETTINGS: Mapping[str, Mapping[str, str | float]] = {
    "web": {"port": 8443, "workers": 6, "timeout": 30},
    "mail": {"port": 587, "timeout": 45, "sender": "office@example.org"},
    "shop": {"currency": "EUR", "discount_percent": 15},
}
POEM = """The river keeps the river's time,
the stone keeps none at all;
the heron stands, the heron waits,
the leaves begin to fall.

The heron keeps the heron's watch,
the river keeps its call;
the stone, the leaf, the time, the watch:
the river keeps them all.
"""
MANUALS: Mapping[str, str] = {
    "boiler.md": """# The boiler in the cellar

The boiler was fitted in 2019 and heats both floors. It is serviced each autumn by the firm on the label.

## Water pressure
When the system is cold, the gauge should stand at 1.4 bar. Below 0.8 bar the burner locks itself. Open the blue valve
slowly until the needle is back, then close it again.

## Error codes
E3 means that the flame was not seen. Wait two minutes and press reset once. E7 means that the flue is blocked: switch
the boiler off and call the firm.
""",
    "printer.md": """# The printer on the first floor

It prints on both sides unless it is told otherwise. Paper of 80 grams works best.

## Jams
Open the left door and pull the green lever. Never pull paper backwards.

## Toner
The cartridge is of the type TK-3160 and lasts for about 12,500 pages. Used ones go into the grey box by the stairs.
""",
    "leave.md": """# Leave

Everybody has 27 days of holiday a year; five of them may be carried into the next, until the end of March.

## Parents
Each parent may take 16 weeks of paid leave within two years of the birth. Tell the office eight weeks before.

## Illness
Call before nine. A doctor's note is needed from the fourth day on.
""",
    "travel.md": """# Travel

Trains before planes wherever the journey takes less than six hours.

## Allowances
For meals the office pays 28 euros a day at home and 46 euros a day abroad, without receipts. Hotels are paid up to 140
euros a night; more needs a word from the treasurer.

## After the journey
Hand in the form within 30 days.
""",
    "security.md": """# Keys, badges and guests

The door is open from 7:30 to 18:30. At other hours the badge opens it.

## A lost badge
Call extension 4471 at once, at any hour; the badge is blocked within minutes. A new one costs 12 euros.

## Guests
Guests sign the book and are brought to the door again.
""",
    "pump.md": """# The pump in the pit

The pump runs by itself when the water stands above 35 centimetres. Test it on the first Monday of each month by lifting
the float. Its fuse is number 14 in the grey cabinet. The filter is washed twice a year.
""",
}


def lay_world(place: Path) -> None:
    """Everything, in folders of `place`."""
    for folder in ("notes/reports", "drafts", "manuals", "data"):
        (place / folder).mkdir(parents=True)
    for name, text in (*_notes().items(), *_drafts().items()):
        (place / name).write_text(text)
    for name, text in MANUALS.items():
        (place / "manuals" / name).write_text(text)
    _lay_shop(place / "data" / "shop.db")


def spending() -> list[tuple[str, str, float]]:
    """Month, category and euros of `notes/budget.csv`."""
    chance = random.Random(11)
    months = [f"2026-{month:02}" for month in range(1, 11)]
    return [(month, kind, round(chance.uniform(20, 400), 2)) for month in months for kind in ("travel", "food", "rent")]


def temperatures() -> list[float]:
    chance = random.Random(12)
    return [round(chance.gauss(14, 6), 1) for _ in range(61)]


def log_lines() -> list[tuple[str, str]]:
    """Level and text of `notes/server.log`."""
    chance = random.Random(13)
    said = {"INFO": "request served", "WARN": "slow disk", "ERROR": "connection lost"}
    levels = chance.choices(("INFO", "WARN", "ERROR"), (8, 2, 1), k=180)
    return [(level, said[level]) for level in levels]


def stock() -> list[dict[str, object]]:
    chance = random.Random(14)
    items = ("bolts", "cables", "gloves", "filters", "lamps", "hoses", "valves")
    return [{"item": item, "count": chance.randint(3, 90), "price": chance.randint(2, 40)} for item in items]


def orders() -> list[tuple[int, int, int, str]]:
    """Customer, product, quantity and day; ids count from 1. Nobody orders the last product."""
    chance = random.Random(15)
    return [
        (
            chance.randint(1, len(CUSTOMERS)),
            chance.randint(1, len(PRODUCTS) - 1),
            chance.randint(1, 9),
            f"2026-{chance.randint(1, 6):02}-{chance.randint(1, 28):02}",
        )
        for _ in range(60)
    ]


def _notes() -> dict[str, str]:
    sections = [
        f"[{name}]\n" + "".join(f"{key} = {value}\n" for key, value in keys.items()) for name, keys in SETTINGS.items()
    ]
    budget = [f"{month},{kind},{euros}" for month, kind, euros in spending()]
    people = [f"{name},{city},{phone}" for name, city, phone in CONTACTS]
    log = [
        f"2026-05-{1 + number // 20:02} {number % 20:02}:00 {level} {said}"
        for number, (level, said) in enumerate(log_lines())
    ]
    return {
        "notes/todo.txt": "".join(f"[{'x' if done else ' '}] {task}\n" for task, done in TASKS),
        "notes/settings.ini": "\n".join(sections),
        "notes/budget.csv": "\n".join(["month,category,euros", *budget]) + "\n",
        "notes/contacts.csv": "\n".join(["name,city,phone", *people]) + "\n",
        "notes/temperatures.txt": "".join(f"{value}\n" for value in temperatures()),
        "notes/server.log": "\n".join(log) + "\n",
        "notes/stock.json": json.dumps(stock(), indent=1) + "\n",
        "notes/poem.txt": POEM,
        "notes/meeting.md": "# Meeting of 12 March 2026\n\nChair: Greta Vogel\nMinutes: Hugo Silva\n\nThe roof is "
        "mended in May. The project Blue Heron is put off until the autumn.\n",
        "notes/reports/2024.md": "# 2024\n\nA quiet year. Turnover was 412,000 euros. The pump was replaced.\n",
        "notes/reports/2025.md": "# 2025\n\nA good year. Turnover was 468,500 euros. The Silver Fern project began.\n",
    }


def _drafts() -> dict[str, str]:
    return {
        "drafts/server.ini": "[server]\nhost = 0.0.0.0\nport = 8080\nlog = info\n",
        "drafts/letter.txt": "Dear NAME,\n\nthank you for your order.\n\nWith kind regards,\nthe shop\n",
    }


def _lay_shop(file: Path) -> None:
    with closing(sqlite3.connect(file)) as db, db:
        db.execute("CREATE TABLE customers (id INTEGER PRIMARY KEY, name TEXT, city TEXT)")
        db.execute("CREATE TABLE products (id INTEGER PRIMARY KEY, name TEXT, price REAL)")
        db.execute(
            "CREATE TABLE orders (id INTEGER PRIMARY KEY, customer_id INTEGER REFERENCES customers(id), "
            "product_id INTEGER REFERENCES products(id), quantity INTEGER, day TEXT)"
        )
        db.executemany("INSERT INTO customers (name, city) VALUES (?, ?)", CUSTOMERS)
        db.executemany("INSERT INTO products (name, price) VALUES (?, ?)", PRODUCTS)
        db.executemany("INSERT INTO orders (customer_id, product_id, quantity, day) VALUES (?, ?, ?, ?)", orders())
