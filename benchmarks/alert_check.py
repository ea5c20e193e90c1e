"""A check of twenty alert rules over a million stored calls, next to one over a hundred thousand."""

import asyncio
import time
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from statistics import median
from typing import Any

from pymongo.database import Database
from rich.console import Console
from rich.table import Table

from benchmarks.setup.made_calls import fill
from benchmarks.setup.results import note
from benchmarks.setup.store import scratch_store
from core.alerting.check import check_alerts
from core.alerting.preview import preview
from core.models.metrics import CallMetrics
from core.models.rules import AlertRule
from core.storage import get_database
from core.storage.calls import write_calls
from core.storage.collections import ensure_indexes
from core.storage.server.connection import close_connections, get_sync_database
from core.types import Document

ROUNDS = 15
END = datetime(2026, 11, 18, 6, 30, tzinfo=UTC)
"""Noon in India on a Wednesday, a busy hour."""
FEW, MANY = 100_000, 1_000_000
DAYS = 90
CALLS_A_DAY = MANY / DAYS
INSTANCES = 1_000


def _rule(number: int, **fields: object) -> AlertRule:
    given = {"id": f"rule_{number}", "name": f"Rule {number}", "metric": "call_failure_rate"}
    return AlertRule.model_validate(given | {"levels": {"warning": 0.2, "critical": 0.5}} | fields)


def twenty_rules() -> list[AlertRule]:
    """Return rules of all kinds: by language and campaign, several windows, percentiles, counts."""
    slow = {"levels": {"warning": 2000}}
    kinds: list[dict[str, Any]] = [
        *({"window": window} for window in ("15m", "30m", "1h", "2h", "1d")),
        *(
            {"metric": metric}
            for metric in ("error_rate", "answer_rate", "qualification_rate", "handoff_rate")
        ),
        *({"metric": f"{name}_latency_p95_ms", **slow} for name in ("asr", "tts", "llm", "e2e", "speech")),
        *({"language": language} for language in ("hindi", "english")),
        {"group_by": ["language"]},
        {"group_by": ["campaign", "direction"], "window": "1h"},
        {"metric": "calling_hours_violations", "levels": {"warning": 0}},
        {"metric": "minutes_without_calls", "levels": {"warning": 20}, "window": "1h"},
    ]
    assert len(kinds) == 20
    return [_rule(number, **fields) for number, fields in enumerate(kinds)]


def unusual_rules() -> list[AlertRule]:
    """Return two rules that compare with the last eight weeks."""
    compared = {"baseline": "hour_of_week", "levels": {"warning": 3.5}, "window": "30m"}
    return [
        _rule(90, metric="total_calls", operator="below", **compared),
        _rule(91, metric="asr_latency_p95_ms", **compared),
    ]


def thousand_campaigns(database: Database[Document]) -> None:
    """Write ten calls, three of them failed, in the last 15 minutes for each of a thousand campaigns."""
    ensure_indexes(database)
    fields = {"direction": "outbound", "start_time": END - timedelta(minutes=5), "duration_seconds": 60}
    calls = [
        CallMetrics.model_validate(
            fields
            | {
                "call_id": f"{campaign}-{number}",
                "campaign": f"campaign-{campaign}",
                "status": "failed" if number < 3 else "completed",
            }
        )
        for campaign in range(INSTANCES)
        for number in range(10)
    ]
    write_calls(database, calls)


async def _check_seconds(name: str, rules: Sequence[AlertRule]) -> float:
    database = get_database().client[name]
    started = time.perf_counter()
    report = await check_alerts(database, END, rules=rules, channels={})
    assert not report.errors, report.errors
    return time.perf_counter() - started


def _replay_seconds(name: str) -> float:
    """Return how long a rule takes to be replayed over 90 days, as when it is edited."""
    started = time.perf_counter()
    replayed = preview(get_sync_database().client[name], _rule(0, group_by=["language"]), DAYS, end=END)
    assert replayed.checks > DAYS
    return time.perf_counter() - started


async def _measure(name_few: str, name_many: str, name_instances: str) -> tuple[Table, Table]:
    rules, unusual = twenty_rules(), unusual_rules()
    by_campaign = [_rule(0, group_by=["campaign"])]
    few, many, compared, instances = [], [], [], []
    for _ in range(ROUNDS):
        few.append(await _check_seconds(name_few, rules))
        many.append(await _check_seconds(name_many, rules))
        compared.append(await _check_seconds(name_many, unusual))
        instances.append(await _check_seconds(name_instances, by_campaign))
    alerts = get_database().client[name_instances]["alerts"]
    assert await alerts.count_documents({"state": "firing"}) == INSTANCES
    await close_connections()
    growth = Table(title=f"One check of 20 rules, median of {ROUNDS} rounds", title_justify="left")
    for column in (f"{FEW:,} calls", f"{MANY:,} calls", "ratio (at most 1.3)"):
        growth.add_column(column, justify="right")
    ratio = median(m / f for m, f in zip(many, few, strict=True))
    note("alert_check", "check", 1000 * median(many), 1000 * median(few))
    growth.add_row(f"{median(few) * 1000:.0f} ms", f"{median(many) * 1000:.0f} ms", f"{ratio:.2f}")
    others = Table(title="Other checks", title_justify="left")
    others.add_column("check")
    others.add_column("median", justify="right")
    others.add_row("2 rules against 8 weeks, 1,000,000 calls", f"{median(compared) * 1000:.0f} ms")
    others.add_row("1 rule, 1,000 firing alerts", f"{median(instances) * 1000:.0f} ms")
    replays = median(_replay_seconds(name_many) for _ in range(3))
    note("alert_check", "replay", replays)
    others.add_row(f"1 rule replayed over {DAYS} days, 1,000,000 calls", f"{replays:.1f} s")
    return growth, others


def main() -> None:
    """Print the tables, measured on a scratch embedded server; both databases have the same calls per day."""
    with scratch_store():
        client = get_sync_database().client
        names = ("few", "many", "instances")
        for name, calls in (("few", FEW), ("many", MANY)):
            fill(client[name], calls, end=END, days=calls / CALLS_A_DAY)
        thousand_campaigns(client["instances"])
        for table in asyncio.run(_measure(*names)):
            Console().print(table)


if __name__ == "__main__":
    main()
