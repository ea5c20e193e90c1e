"""Simulated calls, plausible in volume, mix, latency and cost; reproducible by seed."""

import heapq
import math
import random
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta, tzinfo
from functools import lru_cache

from core.clock import to_utc
from core.demo.facts import changes_language, compliance_of, handoff_of, silences_of, telephony_of
from core.demo.story import LIVE_TROUBLE_BEGAN, NEW_VERSION, Story
from core.models.hours import Hours
from core.models.metrics import CallMetrics
from core.settings import get_settings

CAMPAIGNS = ("home-loan-festive", "personal-loan", "balance-transfer")
LANGUAGES = ("hinglish", "hindi", "english")
LANGUAGE_SHARES = (0.47, 0.33, 0.20)
LEADS = 40_000
ANSWER_SHARE = 0.66
ANSWERED_MORE = {11: 1.1, 12: 1.05, 13: 0.82, 14: 0.86, 18: 1.14, 19: 1.18, 20: 1.06}
"""Factors on the answer rate by hour of the day."""
QUALIFIED_SHARE = {"home-loan-festive": 0.38, "personal-loan": 0.31, "balance-transfer": 0.24}
QUALIFIED_MORE = {"hinglish": 1.1, "hindi": 0.95, "english": 0.9}
ASR_MEDIAN_MS = {"hinglish": 430.0, "hindi": 370.0, "english": 310.0}
LLM_MEDIAN_MS = 520.0
TTS_MEDIAN_MS = 240.0
OTHER_MS = 330.0
"""Part of the end-to-end latency outside the services: end-of-turn detection and the network."""
ASR_UNSEEN = 0.5
"""Share of recognition hidden from the lead, because it runs while they speak."""
RUPEES_A_MINUTE = {"asr": 0.42, "tts": 0.55, "telephony": 0.62}
RUPEES_A_TURN = {"llm": 0.11}
LEAST_LIVE_CALLS_AN_HOUR = 120
"""Minimum of live calls, so that something happens even if the demo is opened at night."""
BUSY_CALLS_AN_HOUR = 190
MOST_ATTEMPTS = 3
BETTER = 1.22
"""Qualification rate of the new version relative to the old one."""
BOTH_LANGUAGES = 0.8
"""Factor on the qualification of leads who change language, as they are understood less well."""
_SUNDAY, _SATURDAY = 6, 5


@dataclass(frozen=True, order=True)
class Lead:
    """A lead: its number, language and campaign."""

    number: int
    language: str = field(compare=False)
    campaign: str = field(compare=False)

    @classmethod
    def of(cls, number: int) -> "Lead":
        """Return the lead with a number, always the same one."""
        rng = random.Random(number)  # noqa: S311 (no secret)
        return cls(number, rng.choices(LANGUAGES, LANGUAGE_SHARES)[0], rng.choice(CAMPAIGNS))


def lead_id_of(lead: Lead) -> str:
    """Return a lead's id."""
    return f"lead_{lead.number:05d}"


@dataclass(frozen=True)
class _Talk:
    """An answered call whose end is still open; ``speech`` holds its mean latencies."""

    lead: Lead
    start: datetime
    by_new_version: bool
    in_two_languages: bool
    speech: dict[str, float]
    dearer: dict[str, float] = field(default_factory=dict)

    @property
    def qualifies(self) -> float:
        """Return the share of such leads that qualify if the agent answers quickly."""
        share = QUALIFIED_SHARE[self.lead.campaign] * QUALIFIED_MORE[self.lead.language]
        better = BETTER if self.by_new_version else 1.0
        return share * better * (BOTH_LANGUAGES if self.in_two_languages else 1.0)


@dataclass
class SimulatedAgent:
    """Generates calls; the story decides what goes wrong with them.

    It dials each lead from ``first_lead`` on for the first time once, in random order.
    """

    rng: random.Random
    story: Story
    first_lead: int = 0
    _again: list[tuple[datetime, Lead, int]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._fresh = self._shuffled()

    def _shuffled(self) -> Iterator[int]:
        while True:
            yield from self.rng.sample(range(self.first_lead, self.first_lead + LEADS), LEADS)

    def history(self, start: datetime, end: datetime) -> Iterator[CallMetrics]:
        """Yield the calls between ``start`` and ``end``; unanswered ones are retried."""
        at = start
        while (at := self._next_start(at)) < end:
            call = self.next_call(at)
            if call.end_time is not None and call.end_time < end:
                yield call

    def _next_start(self, at: datetime) -> datetime:
        live_from = self.story.now - LIVE_TROUBLE_BEGAN
        live = self.story.is_live(at)
        rate = live_calls_an_hour(at) if live else _calls_an_hour(at)
        # In steps, so that a pause drawn at night does not extend into the morning.
        step = timedelta(hours=min(self.rng.expovariate(rate), 0.25))
        return at + step if live else min(at + step, max(at + timedelta(seconds=1), live_from))

    def next_call(self, at: datetime) -> CallMetrics:
        """Return the next call: to a lead due for a retry, to a new lead, or an inbound one."""
        may_dial = _hours().cover(at)
        if self._again and self._again[0][0] <= at and may_dial:
            _, lead, attempt = heapq.heappop(self._again)
            return self.call(at, lead, attempt)
        if self.rng.random() < (0.14 if may_dial else 1.0):
            return self.call(at, Lead.of(self.first_lead + self.rng.randrange(LEADS)), None)
        return self.call(at, Lead.of(next(self._fresh)), 1)

    def call(self, start: datetime, lead: Lead, attempt: int | None) -> CallMetrics:
        """Return a call that begins at ``start``; inbound if ``attempt`` is None."""
        rng, fields = self.rng, self.dialled(start, lead, attempt)
        answered = ANSWER_SHARE * ANSWERED_MORE.get(_local_hour(start), 1.0) * (0.9 if attempt == 2 else 1)  # noqa: PLR2004 (made up)
        if attempt and rng.random() > answered:
            self._try_later(start, lead, attempt)
            fields |= {
                "status": "no_answer",
                "duration_seconds": rng.randrange(18, 40),
                "end_reason": rng.choices(("rang_out", "busy", "voicemail"), (5, 3, 2))[0],
                "cost": {"telephony": 0.0},
            }
        else:
            by_new_version = fields["agent_version"] == NEW_VERSION
            changes = changes_language(str(fields["call_id"]), lead.language)
            speech = self._latencies(start, lead.language)
            fields |= self._answered(_Talk(lead, start, by_new_version, changes, speech))
        return CallMetrics.model_validate(fields)

    def dialled(self, start: datetime, lead: Lead, attempt: int | None) -> dict[str, object]:
        """Return what is known about a call before it is answered."""
        return {
            "call_id": f"call_{self.rng.getrandbits(48):012x}",
            "lead_id": lead_id_of(lead),
            "start_time": start,
            "direction": "outbound" if attempt else "inbound",
            "language": lead.language,
            "attempt": attempt,
            "campaign": lead.campaign,
            "purpose": "sales",
            "agent": "loan-qualifier",
            "agent_version": self.story.version(start, lead.number),
            "telephony": telephony_of(attempt),
            "compliance": compliance_of(start, lead.number, self.rng),
        }

    def _try_later(self, start: datetime, lead: Lead, attempt: int) -> None:
        if attempt < MOST_ATTEMPTS:
            due = start + timedelta(hours=self.rng.choice((2, 3, 5, 22, 26)) + self.rng.random())
            heapq.heappush(self._again, (due, lead, attempt + 1))

    def _answered(self, talk: "_Talk") -> dict[str, object]:
        rng, start = self.rng, talk.start
        errors: list[dict[str, object]] = []
        for trouble in self.story.troubles(start, talk.lead.language):
            talk.dearer[trouble.component] = trouble.dearer
            error: dict[str, object] = {
                "type": rng.choice(trouble.errors or ("slow",)),
                "fault": trouble.fault,
            }
            if rng.random() < trouble.failing:
                seconds = rng.uniform(8, 75)
                error["at"] = start + timedelta(seconds=seconds - 2)
                return self._broken(talk, seconds, error)
            if rng.random() < trouble.erring:
                errors.append(error | {"at": start + timedelta(seconds=rng.uniform(5, 40))})
        if rng.random() < 0.006:  # noqa: PLR2004 (occasional, without an incident)
            kind, fault = rng.choice((("agent_exception", "agent"), ("carrier_dropped", "carrier")))
            return self._broken(talk, rng.uniform(4, 60), {"type": kind, "fault": fault})
        if rng.random() < 0.005:  # noqa: PLR2004 (made up)
            errors.append({"type": rng.choice(("asr_timeout", "crm_timeout")), "fault": "provider"})
        return self._conversation(talk) | {"errors": errors}

    def _broken(self, talk: "_Talk", seconds: float, error: dict[str, object]) -> dict[str, object]:
        """Return the fields of a call that fails."""
        turns = max(1, round(seconds / 11))
        return {
            "status": "failed",
            "duration_seconds": round(seconds, 1),
            "total_turns": 2 * turns - 1,
            "user_turns": turns - 1,
            "end_reason": f"{error['fault']}_error",
            "fault": error["fault"],
            "errors": [error],
            "sentiment_score": round(max(-1.0, self.rng.gauss(-0.35, 0.2)), 3) if turns > 1 else None,
            "cost": _cost(seconds, turns, talk.dearer),
            **talk.speech,
        }

    def _conversation(self, talk: "_Talk") -> dict[str, object]:
        rng, e2e = self.rng, talk.speech["e2e_latency_ms"]
        # Leads lose patience with a slow agent.
        patience = 1.0 if e2e < 2_200 else 0.55  # noqa: PLR2004 (made up)
        hung_up = rng.random() < 0.16 / patience
        exchanges = max(1, round(rng.gauss(3 if hung_up else 8, 1 if hung_up else 2.5)))
        seconds = round(exchanges * rng.uniform(15, 24) + e2e * exchanges / 1000, 1)
        qualified = not hung_up and rng.random() < talk.qualifies * patience / 0.84
        mood = rng.gauss((0.34 if qualified else 0.04) - (0.3 if hung_up else 0) - 0.4 * (1 - patience), 0.3)
        handed_over = qualified and rng.random() < 0.62  # noqa: PLR2004 (made up)
        return {
            "status": "completed",
            "duration_seconds": seconds,
            "total_turns": 2 * exchanges,
            "user_turns": exchanges,
            "interruptions": rng.choices((0, 1, 2, 3), (62, 24, 10, 4))[0],
            "silences": silences_of(talk.start, seconds, exchanges, rng, hung_up=hung_up),
            "qualification_completed": qualified,
            "qualification": rng.choice(("salaried", "self_employed", "secured")) if qualified else None,
            "qualification_seconds": round(seconds * rng.uniform(0.5, 0.85), 1) if qualified else None,
            "handoff_triggered": handed_over,
            "end_reason": "hung_up" if hung_up else "agent_goodbye",
            "sentiment_score": round(min(1.0, max(-1.0, mood)), 3),
            "cost": _cost(seconds, exchanges, talk.dearer),
            **(handoff_of(talk.start, seconds, rng) if handed_over else {}),
            **talk.speech,
        }

    def _latencies(self, start: datetime, language: str) -> dict[str, float]:
        slower = self.story.slower(start, language)
        medians = {"asr": ASR_MEDIAN_MS[language], "llm": LLM_MEDIAN_MS, "tts": TTS_MEDIAN_MS}
        spread = {"asr": 0.34, "llm": 0.36, "tts": 0.28}
        ms = {
            name: median * slower.get(name, 1.0) * self.rng.lognormvariate(0, spread[name])
            for name, median in medians.items()
        }
        e2e = end_to_end(ms["asr"], ms["llm"], ms["tts"]) + OTHER_MS * self.rng.uniform(-0.3, 0.4)
        return {f"{name}_latency_ms": round(value, 1) for name, value in (ms | {"e2e": e2e}).items()}


def end_to_end(asr: float, llm: float, tts: float) -> float:
    """Return the milliseconds from the lead's last word to the agent's first sound."""
    return OTHER_MS + asr * (1 - ASR_UNSEEN) + llm + tts


def _cost(seconds: float, turns: int, dearer: dict[str, float]) -> dict[str, float]:
    rupees = {name: rate * seconds / 60 for name, rate in RUPEES_A_MINUTE.items()}
    rupees |= {name: rate * turns for name, rate in RUPEES_A_TURN.items()}
    rupees["telephony"] = RUPEES_A_MINUTE["telephony"] * math.ceil(seconds / 60)  # billed by the minute
    return {name: round(value * dearer.get(name, 1.0), 3) for name, value in rupees.items()}


def _local_hour(at: datetime) -> int:
    return to_utc(at).astimezone(get_settings().tz).hour


def _hours() -> Hours:
    """Return the hours when leads may be called."""
    return _parsed(get_settings().calling_hours, get_settings().tz)


@lru_cache(maxsize=8)
def _parsed(text: str, zone: tzinfo) -> Hours:
    return Hours.parse(text, zone)


def live_calls_an_hour(at: datetime) -> float:
    """Return how many live calls begin per hour: as at that hour in the past, but with a minimum."""
    return max(_calls_an_hour(at), LEAST_LIVE_CALLS_AN_HOUR)


def _calls_an_hour(at: datetime) -> float:
    """Return the calls per hour: a peak before noon and in the evening, a few callers at night."""
    local = to_utc(at).astimezone(get_settings().tz)
    hour = local.hour + local.minute / 60
    if not _hours().cover(local):
        return 5
    peaks = 0.45 + 0.55 * math.exp(-((hour - 11.5) ** 2) / 4) + 0.5 * math.exp(-((hour - 18) ** 2) / 5)
    week = {_SATURDAY: 0.75, _SUNDAY: 0.3}.get(local.weekday(), 1.0)
    return BUSY_CALLS_AN_HOUR * peaks * week
