"""Panels of Sources for each source: last delivery, the day's outcomes, unknown reasons and fields."""

from datetime import datetime, timedelta, tzinfo

import pandas as pd

from core.hooks.secrets import title_of
from core.storage.hook_deliveries import HookOutcome, SourceActivity
from dashboard import formats
from dashboard.panels.panel import Panel, fails_alone
from dashboard.queries.source_queries import Sources

KEY, TITLE = "sources", "Platforms and carriers"
SILENT_AFTER = timedelta(days=1)
MANY_UNKNOWN = 0.02
"""Share of unknown end reasons above which an adapter needs new mappings."""
FIELDS_KEY, FIELDS_TITLE = "unknown-fields", "Unknown fields"
_WORDS = {
    HookOutcome.STORED: "stored",
    HookOutcome.SPOOLED: "spooled",
    HookOutcome.IGNORED: "ignored",
    HookOutcome.REFUSED: ":red[:material/error:] refused",
}


@fails_alone("Sources")
def panel(found: Sources, now: datetime, zone: tzinfo) -> Panel:
    """Return each source that is on, or delivered something within a week."""
    names = sorted({*found.on, *found.activity})
    rows = [_Row(name, name in found.on, found.activity.get(name), now, zone) for name in names]
    silent = sum(row.is_silent for row in rows)
    refused = sum(row.of(HookOutcome.REFUSED) for row in rows)
    words = f"{silent} silent for a day" if silent else "all heard from within a day"
    return Panel(
        KEY,
        TITLE,
        f"Sources: {len(rows)} · {words} · refused in 24 h: {refused:,}",
        table=pd.DataFrame([row.plain() for row in rows]),
        page=pd.DataFrame([row.shown() for row in rows]),
    )


def unknown_fields(found: Sources) -> Panel | None:
    """Return the fields unknown to adapters, with the day's deliveries that had each; None if none."""
    counted = [
        (name, field, count)
        for name, one in sorted(found.activity.items())
        for field, count in one.unknown.items()
    ]
    if not counted:
        return None
    rows = [
        {"Source": formats.plain(title_of(name)), "Field": formats.plain(field), "Deliveries": f"{count:,}"}
        for name, field, count in counted
    ]
    return Panel(
        FIELDS_KEY,
        FIELDS_TITLE,
        f"New to the adapters in 24 h: {len(rows)} · harmless; platforms have started to send them",
        table=pd.DataFrame(counted, columns=["source", "field", "deliveries"]),
        page=pd.DataFrame(rows),
    )


class _Row:
    """One source."""

    def __init__(
        self, name: str, on: bool, activity: SourceActivity | None, now: datetime, zone: tzinfo
    ) -> None:
        self._on, self._now, self._zone = on, now, zone
        self._title = title_of(name)
        self._activity = activity or SourceActivity(source=name)

    @property
    def is_silent(self) -> bool:
        """Return whether a source that is on has delivered nothing for a day."""
        last = self._activity.last_at
        return self._on and (last is None or self._now - last > SILENT_AFTER)

    def of(self, outcome: HookOutcome) -> int:
        """Return the day's deliveries with this outcome."""
        return self._activity.outcomes.get(outcome, 0)

    def shown(self) -> dict[str, str]:
        """Return the row as shown on the page."""
        return {
            "Source": formats.plain(self._title) + ("" if self._on else " (off)"),
            "Last delivery": self._last(),
            "In 24 h": self._became(),
            "Unknown end reasons": self._endings(),
        }

    def _became(self) -> str:
        counts = [(self.of(outcome), words) for outcome, words in _WORDS.items()]
        return " · ".join(f"{count:,} {words}" for count, words in counts if count) or "nothing"

    def plain(self) -> dict[str, object]:
        """Return the row for the CSV."""
        one = self._activity
        return {
            "source": one.source,
            "on": self._on,
            "last_delivery": one.last_at,
            **{str(outcome): self.of(outcome) for outcome in HookOutcome},
            "unknown_endings": one.unknown_share,
            "unknown_fields": ", ".join(f"{name} ({count})" for name, count in one.unknown.items()),
        }

    def _last(self) -> str:
        last = self._activity.last_at
        words = formats.ago(self._now - last) if last else "none within 7 days"
        return f":orange[:material/warning:] {words}" if self.is_silent else words

    def _endings(self) -> str:
        share = self._activity.unknown_share
        text = formats.number(share, "share")
        return f":orange[:material/warning:] {text}" if share is not None and share > MANY_UNKNOWN else text
