"""Payloads of each vendor, rebuilt from the schemas that they publish, with made-up people."""

import json
from functools import cache
from pathlib import Path
from typing import Any

from core.adapters.delivery import Delivery
from core.adapters.sources import SOURCES
from core.models.calls.reports import CallReport

FOLDER = Path(__file__).parent / "payloads"
LEAD, OURS, OFFICE = "9812345678", "1600123456", "8047123456"
"""Phone numbers of the payloads, without the country."""
PERSONAL = (LEAD, OURS, OFFICE, "Asha", "Verma", "Namaste", "loan ke baare", "KK0123secretkey")
Case = dict[str, Any]


@cache
def text_of(source: str) -> str:
    return (FOLDER / f"{source}.json").read_text()


def cases(source: str) -> dict[str, Case]:
    """All payloads of a source by name, made anew each time."""
    found: dict[str, Case] = json.loads(text_of(source))
    return found


def case(source: str, name: str) -> Case:
    return cases(source)[name]


def read(source: str, name: str) -> Delivery:
    return SOURCES[source].read(case(source, name))


def facts(source: str, name: str) -> Case:
    """What the last report of a payload says, by field."""
    return facts_of(read(source, name).reports[-1])


def facts_of(report: CallReport) -> Case:
    return dict(report.facts.model_dump(exclude_none=True))


def dollars(cost: Case) -> dict[str, float]:
    """The parts of a cost that were given in dollars, without a rate yet."""
    assert cost.keys() == {"origins"}
    assert {origin.get("rate") for origin in cost["origins"].values()} == {None}
    return {part: one["amount"] for part, one in cost["origins"].items() if one["currency"] == "USD"}
