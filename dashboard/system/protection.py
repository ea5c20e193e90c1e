"""Panels of System about data protection: retention, where data goes, security findings."""

from collections.abc import Sequence
from datetime import tzinfo

import pandas as pd

from core.doctor.countries import UNKNOWN, Sink
from core.doctor.result import Finding, State
from core.doctor.retention import Kept
from dashboard import formats
from dashboard.panels.panel import Panel, fails_alone

_FINE = ":green[:material/check_circle:]"
_MARKS = {State.WARN: ":orange[:material/warning:]", State.FAIL: ":red[:material/error:]"}


@fails_alone("Retention")
def retention(kept: Sequence[Kept], profile: str, zone: tzinfo) -> Panel:
    """Return what is kept, for how long, by which variable, and the current state."""
    wrong = sum(one.problem(profile) is not None for one in kept)
    words = f"{wrong} to review" if wrong else "all in order"
    return Panel(
        "retention",
        "Retention",
        f"RETENTION_PROFILE {profile} · {words}",
        table=pd.DataFrame(
            [
                {
                    "what": one.what,
                    "kept": one.words,
                    "asked_for_days": one.least if profile == "india" else None,
                    "variable": one.variable,
                    "oldest": one.oldest,
                    "problem": (one.problem(profile) or ("", ""))[1],
                }
                for one in kept
            ]
        ),
        page=pd.DataFrame([_kept(one, profile, zone) for one in kept]),
    )


def _kept(one: Kept, profile: str, zone: tzinfo) -> dict[str, str]:
    problem = one.problem(profile)
    asked = f"{one.least} days" if profile == "india" and one.least else formats.NONE
    return {
        "What": one.what,
        "Kept": one.words,
        "Required": asked,
        "Set by": f"`{one.variable}`" if one.variable else formats.NONE,
        "Oldest": formats.day(one.oldest.astimezone(zone).date()) if one.oldest else formats.NONE,
        "Status": f"{_MARKS[problem[0]]} {problem[1]}" if problem else _FINE if one.on else formats.NONE,
    }


@fails_alone("Where data goes")
def countries(sinks: Sequence[Sink]) -> Panel:
    """Return the country each sink sends to."""
    unknown = sum(sink.country == UNKNOWN for sink in sinks)
    words = f"Sinks: {len(sinks)} · country unknown: {unknown}"
    return Panel(
        "countries",
        "Where data goes",
        words if sinks else "Nowhere: everything stays on this machine",
        table=pd.DataFrame([vars(sink) for sink in sinks]) if sinks else None,
        page=pd.DataFrame(
            [
                {
                    "Set by": formats.plain(sink.name),
                    "Host": formats.plain(sink.host),
                    "Country": _MARKS[State.WARN] + " unknown, please check"
                    if sink.country == UNKNOWN
                    else sink.country,
                    "Carries": sink.carries,
                }
                for sink in sinks
            ]
            or [
                {
                    "Set by": formats.NONE,
                    "Host": formats.NONE,
                    "Country": formats.NONE,
                    "Carries": formats.NONE,
                }
            ]
        ),
    )


@fails_alone("Security findings")
def exposure(findings: Sequence[Finding]) -> Panel:
    """Return the security findings, with remedies."""
    worse = [one for one in findings if one.state in _MARKS]
    return Panel(
        "exposure",
        "Security findings",
        f"Findings: {len(worse)} · same as python -m core doctor"
        if worse
        else "None: no protection is off, no secret is exposed, no variable is misspelt",
        page=pd.DataFrame(
            [
                {
                    "What": f"{_MARKS[one.state]} {formats.plain(one.text)}",
                    "What to do": formats.plain(one.remedy) or formats.NONE,
                }
                for one in worse
            ]
            or [{"What": _FINE, "What to do": formats.NONE}]
        ),
    )
