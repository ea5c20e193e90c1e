"""Conditions on the calls of a list beyond facets: exact values of fields, and ranges of numbers."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from core.aggregation.rollups.conditions import query
from core.aggregation.search.call_search import COST, NUMBERS, CallFacets
from core.models.definitions import Condition
from core.types import Document

RANGED = (*NUMBERS, "cost")
"""Numbers that can be matched by range, both ends included; ``cost`` is the total of all parts."""


@dataclass(frozen=True)
class CallConditions(CallFacets):
    """Facets and more: ``exact`` values of fields, and ``least`` and ``most`` of numbers.

    A call without the number is in no range of it.
    """

    exact: Mapping[str, str | bool] = field(default_factory=dict)
    least: Mapping[str, float] = field(default_factory=dict)
    most: Mapping[str, float] = field(default_factory=dict)
    found: Mapping[str, Any] = field(default_factory=dict)
    """A query from a look-up: the calls that have a phone."""

    def query(self) -> Document:
        """Return the conditions as a MongoDB query; an empty one matches all."""
        parts = [one for one in (super().query(), dict(self.found)) if one]
        parts += [
            {name: value if value is not False else {"$ne": True}} for name, value in self.exact.items()
        ]
        for name in {**self.least, **self.most}:
            parts.append(self._range(name))
        return {"$and": parts} if parts else {}

    def _range(self, name: str) -> Document:
        ends = {"$gte": self.least.get(name), "$lte": self.most.get(name)}
        given = {operator: end for operator, end in ends.items() if end is not None}
        if name != "cost":
            return {name: given}
        known = query([Condition("cost", "known")])
        tests = [{operator: [COST, end]} for operator, end in given.items()]
        return {"$and": [known, {"$expr": {"$and": tests}}]}
