"""Made-up calls of a made-up agent: plausible in volume, mix and latency, the same for the same seed."""

import math
import random
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from core.clock import to_utc
from core.models.metrics import CallMetrics
from core.settings import get_settings

INCIDENT_EVERY = timedelta(hours=2)
INCIDENT_LASTS = timedelta(minutes=13)
SLOWER_IN_INCIDENT = 6.0
CAMPAIGNS = ("home-loan-festive", "personal-loan", "balance-transfer")
LANGUAGES = ("hinglish", "hindi", "english")
LANGUAGE_SHARES = (0.47, 0.33, 0.20)
QUALIFIED_SHARE = {"hinglish": 0.38, "hindi": 0.33, "english": 0.29}
ASR_MEDIAN_MS = {"hinglish": 430, "hindi": 390, "english": 310}
TTS_MEDIAN_MS = 240
BUSY_CALLS_AN_HOUR = 200
LIVE_CALLS_AN_HOUR = 450


@dataclass(frozen=True)
class SimulatedAgent:
    """Makes calls; speech recognition turns slow at ``incidents_from`` and every two hours after it."""

    rng: random.Random
    incidents_from: datetime

    def history(self, start: datetime, end: datetime) -> Iterator[CallMetrics]:
        """The calls that began after ``start`` and ended before ``end``."""
        at = start
        while True:
            # From the first incident on the demo is live, whatever the hour in India.
            live = at >= self.incidents_from
            pause = timedelta(hours=self.rng.expovariate(LIVE_CALLS_AN_HOUR if live else _calls_an_hour(at)))
            at = at + pause if live else min(at + pause, self.incidents_from)
            if at >= end:
                return
            call = self.call(at)
            if call.end_time is not None and call.end_time < end:
                yield call

    def call(self, start: datetime) -> CallMetrics:
        """One call that begins at ``start``."""
        rng = self.rng
        outbound = rng.random() < 0.86  # noqa: PLR2004
        fate = rng.random()
        fields: dict[str, object] = {
            "call_id": f"call_{rng.getrandbits(48):012x}",
            "lead_id": f"lead_{rng.randrange(20_000):05d}",
            "start_time": start,
            "direction": "outbound" if outbound else "inbound",
            "language": rng.choices(LANGUAGES, LANGUAGE_SHARES)[0],
            "attempt": rng.choices((1, 2, 3), (6, 3, 1))[0] if outbound else None,
            "campaign": rng.choice(CAMPAIGNS),
        }
        if outbound and fate < 0.27:  # noqa: PLR2004
            fields |= {
                "status": "no_answer",
                "duration_seconds": rng.randrange(20, 45),
                "end_reason": rng.choice(("busy", "voicemail", "rang_out")),
            }
        elif fate > 0.985:  # noqa: PLR2004
            fields |= {"status": "failed", "duration_seconds": rng.randrange(2, 40)}
            fields |= {"errors": ["provider_error"] if rng.random() < 0.3 else [], **self._speech(start)}  # noqa: PLR2004
        else:
            fields |= self._conversation(start, str(fields["language"]))
        return CallMetrics.model_validate(fields)

    def _conversation(self, start: datetime, language: str) -> dict[str, object]:
        rng = self.rng
        turns = max(3, round(rng.gauss(14, 5)))
        qualified = rng.random() < QUALIFIED_SHARE[language]
        mood = rng.gauss(0.34 if qualified else 0.02, 0.32)
        return {
            "status": "completed",
            "duration_seconds": round(turns * rng.uniform(7, 13), 1),
            "total_turns": turns,
            "qualification_completed": qualified,
            "handoff_triggered": qualified and rng.random() < 0.62,  # noqa: PLR2004
            "sentiment_score": round(min(1, max(-1, mood)), 3),
            "errors": ["asr_timeout"] if rng.random() < 0.006 else [],  # noqa: PLR2004
            **self._speech(start, language),
        }

    def _speech(self, start: datetime, language: str = "hindi") -> dict[str, object]:
        asr = ASR_MEDIAN_MS[language] * self.rng.lognormvariate(0, 0.38)
        if self._in_incident(start):
            asr *= SLOWER_IN_INCIDENT
        tts = TTS_MEDIAN_MS * self.rng.lognormvariate(0, 0.3)
        return {"asr_latency_ms": round(asr, 1), "tts_latency_ms": round(tts, 1)}

    def _in_incident(self, at: datetime) -> bool:
        since = at - self.incidents_from
        return since >= timedelta(0) and since % INCIDENT_EVERY < INCIDENT_LASTS


def _calls_an_hour(at: datetime) -> float:
    """A working day with a peak before noon and one in the evening; a few callers at night."""
    local = to_utc(at).astimezone(get_settings().tz)
    hour = local.hour + local.minute / 60
    peaks = math.exp(-((hour - 11.5) ** 2) / 5) + 0.85 * math.exp(-((hour - 17.5) ** 2) / 6)
    weekend = 0.45 if local.weekday() == 6 else 1.0  # noqa: PLR2004 (Sunday)
    return 6 + BUSY_CALLS_AN_HOUR * peaks * weekend
