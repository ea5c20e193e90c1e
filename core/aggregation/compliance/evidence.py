"""Violations of the rules of calling as tables: over time, by campaign, and line by line as evidence."""

from datetime import datetime

import pandas as pd

from core.aggregation.compliance.judge import Judged
from core.aggregation.rollups.buckets import Bucket, buckets, floor
from core.models.calls.calling_rules import CALLING_RULES
from core.settings import get_settings


def over_time(judged: Judged, start: datetime, end: datetime, bucket: Bucket) -> pd.DataFrame:
    """Return violations per bucket of [start, end), with a column for each rule that any call violates."""
    zone = get_settings().tz
    index = buckets(start, end, bucket, zone)
    rows = judged.violations
    kinds = [rule.key for rule in judged.rules if rule.violations]
    if rows.empty:
        return pd.DataFrame(index=index, columns=kinds, dtype=int)
    starts = floor(pd.DatetimeIndex(rows["start_time"]), bucket, zone)
    counts = pd.crosstab(pd.Series(starts, name="bucket"), rows["kind"].to_numpy())
    return counts.reindex(index=index, columns=kinds, fill_value=0)


def by_campaign(judged: Judged) -> pd.DataFrame:
    """Return each campaign's calls, those in violation, and a column for each rule that any call violates."""
    rows = judged.violations
    kinds = [rule.key for rule in judged.rules if rule.violations]
    table = pd.DataFrame({"calls": judged.frame["campaign"].astype(object).fillna("").value_counts()})
    table["in_violation"] = rows.groupby("campaign")["call_id"].nunique().reindex(table.index, fill_value=0)
    counts = pd.crosstab(rows["campaign"], rows["kind"]) if len(rows) else pd.DataFrame(index=table.index)
    return table.join(counts.reindex(index=table.index, columns=kinds, fill_value=0)).sort_values(
        ["in_violation", "calls"], ascending=False, kind="stable"
    )


def evidence(judged: Judged) -> pd.DataFrame:
    """Return each violation as a self-contained line: the rule, its source, and times with their zone."""
    rows, settings = judged.listed, get_settings()
    local = rows["start_time"].dt.tz_convert(settings.tz)
    return pd.DataFrame(
        {
            "violation": rows["kind"],
            "call_id": rows["call_id"],
            "lead_id": rows["lead_id"],
            "campaign": rows["campaign"],
            "purpose": rows["purpose"],
            "started_at": [moment.isoformat(timespec="seconds") for moment in local],
            "time_zone": settings.timezone,
            "rule": rows["rule"],
            "source_of_rule": [CALLING_RULES[kind].source for kind in rows["kind"]],
            "found": rows["found"],
        }
    )
