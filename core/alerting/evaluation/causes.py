"""Find what caused the breaches of a rule: which of their calls are bad, read from the store all together."""

import asyncio
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import NamedTuple
from urllib.parse import quote_plus

import numpy as np
from pymongo.asynchronous.database import AsyncDatabase

from core.aggregation.rollups.conditions import Bools
from core.alerting.evaluation import standouts
from core.alerting.evaluation.call_columns import CallColumns
from core.alerting.evaluation.findings import Evaluation, Key, Verdict, key_of
from core.alerting.evaluation.thresholds import chosen, instances
from core.models.rules import AlertRule
from core.settings import get_settings
from core.storage.collections import CALLS
from core.storage.restrictions import hiding
from core.storage.server.connection import blocking
from core.types import Document

MOST_LOOKED_AT, MOST_OF_ALL = 300, 3_000
"""How many bad calls, the newest ones, are read for their errors: of one breach, and of all of a rule."""
FEWEST_LOOKED_AT = 10
"""How many of one breach in any case: enough for the examples, should some belong to hidden leads."""
_MOST_AT_ONCE = 10_000
"""Ids in one query, which must stay well below MongoDB's 16 MB."""
_FIELDS = {"errors.type": 1, "error_types": 1, "lead_id": 1}


class _Cause(NamedTuple):
    """The calls of a breach: which are bad, which count at all, and the ids of the newest bad ones."""

    calls: CallColumns
    bad: Bools
    counted: Bools
    newest: list[str]


async def with_causes(
    database: AsyncDatabase[Document], rule: AlertRule, found: Sequence[Evaluation], calls: CallColumns
) -> list[Evaluation]:
    """Return a rule's evaluations; each breach with what its bad calls have in common, and a few of them.

    Raises:
        PyMongoError: the database does not answer.
    """
    breaches = [evaluation for evaluation in found if evaluation.verdict == Verdict.BREACH]
    if not breaches:
        return list(found)
    parts = {key_of(labels): part for labels, part in instances(rule, chosen(rule, calls))}
    most = max(FEWEST_LOOKED_AT, min(MOST_LOOKED_AT, MOST_OF_ALL // len(breaches)))
    causes: dict[Key, _Cause] = {}
    for evaluation in breaches:
        key = key_of(evaluation.labels)
        part = parts.get(key)
        if part is not None and (picked := standouts.bad_calls(evaluation, part)) is not None:
            causes[key] = _Cause(part, *picked, standouts.newest(part, *picked, most))
    rows = await _shown_rows(database, [one for cause in causes.values() for one in cause.newest])
    return [_told(evaluation, causes.get(key_of(evaluation.labels)), rows) for evaluation in found]


async def _shown_rows(database: AsyncDatabase[Document], ids: Sequence[str]) -> dict[str, Document]:
    """Return leads and errors of calls by id, without calls of hidden leads."""
    if not ids:
        return {}
    hidden = await asyncio.to_thread(lambda: hiding(blocking(database)))
    found: dict[str, Document] = {}
    for start in range(0, len(ids), _MOST_AT_ONCE):
        query = {"_id": {"$in": ids[start : start + _MOST_AT_ONCE]}}
        async for row in database[CALLS].find(query, _FIELDS):
            if not hidden(row.get("lead_id")):
                found[row["_id"]] = row
    return found


def _told(evaluation: Evaluation, cause: _Cause | None, rows: Mapping[str, Document]) -> Evaluation:
    if cause is None:
        return evaluation
    shown = [rows[one] for one in cause.newest if one in rows]
    kinds = standouts.kinds(row.get("errors") or row.get("error_types") or () for row in shown)
    if kinds and len(cause.newest) < np.count_nonzero(cause.bad & cause.counted):
        kinds += f" (of the newest {len(cause.newest):,})"
    found = standouts.standouts(evaluation.rule, cause.calls, cause.bad, cause.counted)
    links = _links(row["_id"] for row in shown[: standouts.EXAMPLES])
    return replace(evaluation, notes={**evaluation.notes, **dict(standouts.facts(found, kinds, links))})


def _links(ids: Iterator[str]) -> list[str]:
    dashboard = get_settings().dashboard_url
    return [f"{dashboard}/calls?call_id={quote_plus(one)}" for one in ids]
