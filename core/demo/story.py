"""What goes wrong in the demo's two weeks, so that there is something to find on the dashboard."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta, tzinfo

from core.clock import day_bounds
from core.settings import get_settings

HISTORY = timedelta(days=15)
"""Two weeks, plus a day so that both can be compared in full."""
LIVE_TROUBLE_BEGAN = timedelta(minutes=20)
LIVE_TROUBLE_EVERY = timedelta(hours=2)
LIVE_TROUBLE_LASTS = timedelta(minutes=50)
DRIFTING_LANGUAGE = "hindi"
DRIFT_A_DAY = 0.035
"""Daily slowdown of the drifting language's recognition, as a share of its initial latency."""
OLD_VERSION, NEW_VERSION = "2.3.0", "2.4.0"
NEW_VERSION_SINCE = timedelta(days=10)
"""Since when half of the leads are called by the new version."""
_SUNDAY = 6


@dataclass(frozen=True)
class Trouble:
    """An incident that affects all calls, or those in some languages, for a while.

    ``slower`` and ``dearer`` are factors for its component; ``failing`` is the share of answered calls that
    fail with one of ``errors``, ``erring`` the share that have one but continue.
    """

    start: datetime
    end: datetime
    component: str
    slower: float = 1.0
    dearer: float = 1.0
    failing: float = 0.0
    erring: float = 0.0
    errors: tuple[str, ...] = ()
    fault: str = "provider"
    languages: frozenset[str] = frozenset()

    def touches(self, at: datetime, language: str) -> bool:
        """Return whether it affects a call that starts at a given time."""
        return self.start <= at < self.end and (not self.languages or language in self.languages)


@dataclass(frozen=True)
class Story:
    """The incidents of a demo opened at ``now``."""

    now: datetime
    past: tuple[Trouble, ...] = field(default=())

    def troubles(self, at: datetime, language: str) -> list[Trouble]:
        """Return the incidents that affect a call starting at a given time."""
        found = [trouble for trouble in self.past if trouble.touches(at, language)]
        return [*found, self._live(at)] if self._is_live_trouble(at) else found

    def slower(self, at: datetime, language: str) -> Mapping[str, float]:
        """Return the slowdown factor of each affected component."""
        factors: dict[str, float] = {}
        for trouble in self.troubles(at, language):
            factors[trouble.component] = factors.get(trouble.component, 1.0) * trouble.slower
        if language == DRIFTING_LANGUAGE:
            days = (at - (self.now - HISTORY)) / timedelta(days=1)
            factors["asr"] = factors.get("asr", 1.0) * (1 + DRIFT_A_DAY * min(max(days, 0.0), HISTORY.days))
        return factors

    def version(self, at: datetime, lead: int) -> str:
        """Return the agent version for a lead, always the same one while both run."""
        return NEW_VERSION if lead % 2 and at >= self.now - NEW_VERSION_SINCE else OLD_VERSION

    def is_live(self, at: datetime) -> bool:
        """Return whether a time is in the live part, with calls at any hour."""
        return at >= self.now - LIVE_TROUBLE_BEGAN

    def _is_live_trouble(self, at: datetime) -> bool:
        since = at - (self.now - LIVE_TROUBLE_BEGAN)
        return since >= timedelta(0) and since % LIVE_TROUBLE_EVERY < LIVE_TROUBLE_LASTS

    def _live(self, at: datetime) -> Trouble:
        since = (at - (self.now - LIVE_TROUBLE_BEGAN)) % LIVE_TROUBLE_EVERY
        return Trouble(at - since, at - since + LIVE_TROUBLE_LASTS, "asr", slower=6.0)


def story_of(now: datetime) -> Story:
    """Return the story of a demo opened now: three past incidents, and one in progress.

    Eight days ago the carrier dropped calls; four days ago the language model for Hinglish failed for nearly
    two hours; yesterday speech synthesis was slow.
    """
    zone = get_settings().tz
    carrier = _at(now, zone, 8, 17, 10)
    model = _at(now, zone, 4, 11, 5)
    voice = _at(now, zone, 1, 15, 0)
    return Story(
        now,
        (
            Trouble(
                carrier,
                carrier + timedelta(minutes=35),
                "telephony",
                failing=0.24,
                errors=("carrier_dropped",),
                fault="carrier",
            ),
            Trouble(
                model,
                model + timedelta(minutes=105),
                "llm",
                slower=4.5,
                dearer=2.4,  # timed-out requests are paid for and retried
                failing=0.62,
                erring=0.8,
                errors=("llm_timeout", "llm_5xx"),
                languages=frozenset({"hinglish"}),
            ),
            Trouble(voice, voice + timedelta(minutes=30), "tts", slower=9.0),
        ),
    )


def _at(now: datetime, zone: tzinfo, days_ago: int, hour: int, minute: int) -> datetime:
    """Return a local time some days ago, or a day earlier than a Sunday, when there are few calls."""
    day = now.astimezone(zone).date() - timedelta(days=days_ago)
    if day.weekday() == _SUNDAY:
        day -= timedelta(days=1)
    return day_bounds(day, zone)[0] + timedelta(hours=hour, minutes=minute)
