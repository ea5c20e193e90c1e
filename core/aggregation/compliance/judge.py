"""Find violations of the rules of calling in calls: pure functions over a frame of calls.

A flag counts only if the call's record carries it. A call that does not say violates nothing, unless
CALLS_MUST_TELL requires it to say; how many calls say is shown next to the count.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from core.aggregation.compliance.terms import Terms
from core.models.calls.calling_rules import CALLING_RULES, NUMBER_SERIES, SALES, purpose_of
from core.models.hours import Hours
from core.privacy.sensitive import person_of

Bools = NDArray[np.bool_]
Words = Callable[[Mapping[Any, Any]], str]
COLUMNS = (
    *(
        "call_id",
        "lead_id",
        "start_time",
        "end_time",
        "direction",
        "status",
        "language",
        "campaign",
        "purpose",
    ),
    *("consent_id", "disclosure_given", "recording_notice", "dnd_checked_at", "opt_out", "number_series"),
)
"""What has to be known about each call."""
FOUND = ("kind", "call_id", "lead_id", "start_time", "campaign", "purpose", "rule", "found")
"""Columns of violations; ``rule`` is the rule as it was at that time, ``found`` what the call shows."""


@dataclass(frozen=True)
class RuleFigures:
    """Figures of one rule: calls it applies to, those that say what it asks, those that violate it."""

    key: str
    in_force: bool
    rule: str
    calls: int
    told: int
    violations: int

    @property
    def share(self) -> float | None:
        """Return violations ÷ calls the rule applies to."""
        return self.violations / self.calls if self.calls else None

    @property
    def coverage(self) -> float | None:
        """Return the share of the calls that say what the rule asks."""
        return self.told / self.calls if self.calls else None


@dataclass(frozen=True)
class Judged:
    """The calls of a period, judged by all rules."""

    calls: int
    rules: tuple[RuleFigures, ...]
    violations: pd.DataFrame
    """One row per rule and call that violates it, with the columns of FOUND, newest first."""
    frame: pd.DataFrame
    """The calls that were judged, with COLUMNS."""
    hidden: frozenset[str] = frozenset()
    """Leads that must not be listed; their violations count all the same."""

    @property
    def listed(self) -> pd.DataFrame:
        """Return the violations that may be shown one by one."""
        return self.violations[~self.violations["lead_id"].isin(self.hidden)]

    @property
    def calls_in_violation(self) -> int:
        """Return how many calls violate any rule."""
        return int(self.violations["call_id"].nunique())


@dataclass(frozen=True)
class _Held:
    """What a rule says about each call: whether it applies, is reported on, and is violated."""

    about: Bools
    told: Bools
    broken: Bools
    rule: str
    found: Words | str
    rule_of: Words | None = None
    in_force: bool = True


@dataclass(frozen=True)
class _Calls:
    """Calls in order of their start, with what several rules need, computed once."""

    frame: pd.DataFrame
    terms: Terms
    opted_out: Mapping[str, datetime]

    @cached_property
    def outbound(self) -> Bools:
        return _is(self.frame["direction"], "outbound")

    @property
    def answered(self) -> Bools:
        return ~_is(self.frame["status"], "no_answer")

    def known(self, column: str) -> Bools:
        return self.frame[column].notna().to_numpy(dtype=bool)

    @cached_property
    def purposes(self) -> "pd.Series[Any]":
        """Return sales, service or recovery; None if the call says nothing, or something else."""
        found = [_purpose(word) for word in self.frame["purpose"]]
        return pd.Series(found, self.frame.index, dtype=object)

    @cached_property
    def persons(self) -> "pd.Series[Any]":
        """Return who each lead is: a phone is one person in all its spellings."""
        codes, leads = pd.factorize(self.frame["lead_id"].astype(object))
        known = np.array([*(person_of(lead) for lead in leads), None], dtype=object)
        return pd.Series(known[codes], self.frame.index, dtype=object)  # without a lead the code is -1

    @cached_property
    def to_persons(self) -> "pd.Series[Any]":
        """Return who is called in outbound calls; missing for all others."""
        return self.persons.where(pd.Series(self.outbound, self.frame.index))


def judge(
    calls: pd.DataFrame, terms: Terms, opted_out: Mapping[str, datetime], wanted: "pd.Series[bool]"
) -> Judged:
    """Judge calls by the rules.

    Args:
        calls: with COLUMNS, in order of ``start_time`` (UTC); includes calls needed only to judge others.
        terms: the rules.
        opted_out: when the call began in which each lead asked not to be called again, by ``person_of``.
        wanted: which of the calls to judge.
    """
    held = _Calls(calls, terms, opted_out)
    inside = wanted.to_numpy(dtype=bool)
    figures, found = [], []
    for key, rule in _RULES.items():
        said = rule(held)
        about = said.about & inside
        broken = said.broken & about
        told = int((said.told & about).sum())
        figures.append(RuleFigures(key, said.in_force, said.rule, int(about.sum()), told, int(broken.sum())))
        found.append(_violations(key, calls[broken], said))
    rows = pd.concat([one for one in found if len(one)] or found[:1], ignore_index=True)
    newest = rows.sort_values(["start_time", "call_id"], ascending=[False, True], kind="stable")
    return Judged(int(inside.sum()), tuple(figures), newest.reset_index(drop=True), calls[inside])


def _violations(key: str, broken: pd.DataFrame, said: _Held) -> pd.DataFrame:
    rows: list[Mapping[Any, Any]] = list(broken.to_dict("records"))
    return pd.DataFrame(
        {
            "kind": [key] * len(rows),
            "call_id": [row["call_id"] for row in rows],
            "lead_id": [_text(row["lead_id"]) for row in rows],
            "start_time": broken["start_time"].to_numpy(),
            "campaign": [_text(row["campaign"]) for row in rows],
            "purpose": [_text(row["purpose"]) for row in rows],
            "rule": [said.rule_of(row) if said.rule_of else said.rule for row in rows],
            "found": [said.found if isinstance(said.found, str) else said.found(row) for row in rows],
        },
        columns=FOUND,
    ).assign(start_time=lambda frame: pd.to_datetime(frame["start_time"], utc=True))


def _is(values: "pd.Series[Any]", wanted: str | bool) -> Bools:
    return values.astype(object).eq(wanted).fillna(value=False).to_numpy(dtype=bool)


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""


def _purpose(value: object) -> str | None:
    return purpose_of(value) if isinstance(value, str) else None


def _hours(calls: _Calls) -> _Held:
    terms, starts = calls.terms, calls.frame["start_time"]
    hours = {one: terms.hours_of(one) for one in (None, *NUMBER_SERIES)}
    texts = pd.Series([hours[one] for one in calls.purposes], starts.index, dtype=object)
    broken = np.zeros(len(starts), dtype=bool)
    for text in {one for one in texts.unique() if isinstance(one, str)}:
        broken |= _is(texts, text) & ~_within(Hours.parse(text, terms.zone), starts)
    about = calls.outbound & texts.notna().to_numpy(dtype=bool)
    return _Held(
        about,
        calls.purposes.notna().to_numpy(dtype=bool),
        broken,
        f"{terms.hours}, recovery {terms.hours_recovery}",
        lambda call: f"began at {call['start_time'].astimezone(terms.zone):%H:%M:%S}",
        lambda call: f"{terms.hours_of(_text(call['purpose']))} {terms.zone_name}",
    )


def _within(hours: Hours, starts: "pd.Series[Any]") -> Bools:
    """Return which times lie within hours that are the same every day."""
    local = starts.dt.tz_convert(hours.zone)
    seconds = (local.dt.hour * 3600 + local.dt.minute * 60 + local.dt.second).to_numpy()
    first, last = (3600 * at.hour + 60 * at.minute for at in (hours.start, hours.end))
    after, before = seconds >= first, seconds < last
    return np.asarray(after & before if first < last else after | before)


def _attempts(calls: _Calls) -> _Held:
    persons, most = calls.to_persons, calls.terms.attempts
    days = calls.frame["start_time"].dt.tz_convert(calls.terms.zone).dt.date
    numbers = (persons.groupby([persons, days]).cumcount() + 1).where(persons.notna(), 0)
    broken = numbers > most if most else numbers < 0
    rule = f"{most} a day" if most else "any number"
    return _by_lead(
        calls, broken, numbers, rule, lambda number: f"number {number:.0f} of the day", bool(most)
    )


def _gap(calls: _Calls) -> _Held:
    least = calls.terms.gap
    since = calls.frame["start_time"].groupby(calls.to_persons).diff()
    broken = since < least
    minutes = int(least.total_seconds() // 60)
    rule = f"{minutes} min" if minutes else "none"

    def words(waited: Any) -> str:  # noqa: ANN401 (of pandas)
        return f"{waited.total_seconds() / 60:.1f} min after the one before"

    return _by_lead(calls, broken, since, rule, words, bool(minutes))


def _by_lead(
    calls: _Calls,
    broken: "pd.Series[bool]",
    values: "pd.Series[Any]",
    rule: str,
    words: Callable[[Any], str],
    in_force: bool,
) -> _Held:
    """Judge a rule about a lead's other calls; ``words`` describe the value of a call in violation."""
    said = dict(zip(calls.frame["call_id"][broken], values[broken], strict=True))
    return _Held(
        calls.outbound,
        calls.known("lead_id"),
        broken.to_numpy(dtype=bool),
        rule,
        lambda call: words(said[call["call_id"]]),
        in_force=in_force,
    )


def _opted_out(calls: _Calls) -> _Held:
    asked = pd.to_datetime(calls.persons.map(dict(calls.opted_out)), utc=True)
    zone = calls.terms.zone

    def found(call: Mapping[Any, Any]) -> str:
        at = calls.opted_out[person_of(call["lead_id"])]
        return f"asked in the call of {at.astimezone(zone):%Y-%m-%d %H:%M}"

    return _Held(
        calls.outbound,
        calls.known("opt_out"),
        (asked < calls.frame["start_time"]).to_numpy(dtype=bool),
        "no call after the lead opted out",
        found,
    )


def _dnd(calls: _Calls) -> _Held:
    checked, starts = calls.frame["dnd_checked_at"], calls.frame["start_time"]
    oldest, zone = calls.terms.dnd_age, calls.terms.zone
    told, must = calls.known("dnd_checked_at"), "dnd_checked_at" in calls.terms.must_tell
    purposes = calls.purposes
    late = ((checked > starts) | (starts - checked > oldest)).fillna(value=False).to_numpy(dtype=bool)

    def found(call: Mapping[Any, Any]) -> str:
        at = call["dnd_checked_at"]
        return "not told" if pd.isna(at) else f"looked up {at.astimezone(zone):%Y-%m-%d %H:%M}"

    return _Held(
        calls.outbound & (_is(purposes, SALES) | purposes.isna().to_numpy(dtype=bool)),
        told,
        late | (~told & must),
        f"looked up within {oldest.days} days before the call",
        found,
    )


def _consent(calls: _Calls) -> _Held:
    told, must = calls.known("consent_id"), "consent_id" in calls.terms.must_tell
    return _Held(
        calls.outbound,
        told,
        ~told & must,
        "a record of consent",
        "not told",
        in_force=must,
    )


def _said(calls: _Calls, column: str, about: Bools, rule: str) -> _Held:
    told, must = calls.known(column), column in calls.terms.must_tell
    return _Held(
        about,
        told,
        _is(calls.frame[column], False) | (~told & must),
        rule,
        lambda call: "not told" if pd.isna(call[column]) else "was not said",
    )


def _disclosure(calls: _Calls) -> _Held:
    about = calls.outbound & calls.answered
    return _said(calls, "disclosure_given", about, "the agent says who calls and why")


def _recording_notice(calls: _Calls) -> _Held:
    return _said(calls, "recording_notice", calls.answered, "the agent says that the call is recorded")


def _series(calls: _Calls) -> _Held:
    purposes, series = calls.purposes, calls.frame["number_series"].astype(object)
    told, must = calls.known("number_series"), "number_series" in calls.terms.must_tell
    right = np.array(
        [
            isinstance(of, str) and isinstance(digits, str) and _begins(digits, NUMBER_SERIES[of])
            for of, digits in zip(purposes, series, strict=True)
        ],
        dtype=bool,
    )

    def wanted(call: Mapping[Any, Any]) -> str:
        purpose = purpose_of(_text(call["purpose"]))
        return f"{NUMBER_SERIES[purpose]} for {purpose}" if purpose else ""

    return _Held(
        calls.outbound & purposes.notna().to_numpy(dtype=bool),
        told,
        (told & ~right) | (~told & must),
        "140 for sales, 1600 for service and recovery",
        lambda call: f"from {_text(call['number_series'])}" if _text(call["number_series"]) else "not told",
        wanted,
    )


def _begins(digits: str, series: str) -> bool:
    plain = digits.replace(" ", "").replace("-", "")
    return plain.removeprefix("+91").removeprefix("0").startswith(series)


_RULES: dict[str, Callable[[_Calls], _Held]] = dict(
    zip(
        CALLING_RULES,
        (
            *(_hours, _attempts, _gap, _opted_out, _dnd),
            *(_consent, _disclosure, _recording_notice, _series),
        ),
        strict=True,
    )
)
"""In the order they are shown."""
