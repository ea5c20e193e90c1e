"""The exchanges of a made-up call, and the requests it made to the services it needs."""

import random
from collections.abc import Iterator
from datetime import timedelta

from core.demo.calls import ASR_UNSEEN
from core.models.metrics import CallMetrics, ServiceError, ServiceSample, TurnMetrics

SERVICES = {"asr": "speech-to-text", "llm": "language-model", "tts": "text-to-speech"}
OPERATIONS = {"asr": "stream", "llm": "POST /chat/completions", "tts": "POST /synthesize"}
_SPREAD = 0.3
_ERRORS = {
    "llm_timeout": ("llm", ServiceError.TIMEOUT),
    "llm_5xx": ("llm", ServiceError.SERVER_ERROR),
    "asr_timeout": ("asr", ServiceError.TIMEOUT),
}
TIMEOUT_MS = 8_000.0


def turns_of(call: CallMetrics, rng: random.Random) -> list[TurnMetrics]:
    """The exchanges of a call: the means of their latencies are the call's."""
    count, e2e = call.user_turns or 0, call.e2e_latency_ms
    asr, llm, tts = call.asr_latency_ms, call.llm_latency_ms, call.tts_latency_ms
    if not count or asr is None or llm is None or tts is None or e2e is None:
        return []
    parts = {name: _around(mean, count, rng) for name, mean in (("asr", asr), ("llm", llm), ("tts", tts))}
    other = e2e - asr * (1 - ASR_UNSEEN) - llm - tts
    interrupted = set(rng.sample(range(count), min(count, call.interruptions or 0)))
    step = (call.duration_seconds or 0.0) / count
    return [
        TurnMetrics(
            call_id=call.call_id,
            turn=number + 1,
            start_time=call.start_time + timedelta(seconds=step * number),
            language=call.language,
            end_of_turn_delay_ms=round(max(0.0, other) * 0.7, 1),
            asr_ms=round(a, 1),
            llm_ttft_ms=round(b, 1),
            tts_ttfb_ms=round(c, 1),
            e2e_ms=round(max(0.0, other + a * (1 - ASR_UNSEEN) + b + c), 1),
            interrupted=number in interrupted,
        )
        for number, (a, b, c) in enumerate(zip(parts["asr"], parts["llm"], parts["tts"], strict=True))
    ]


def _around(mean: float, count: int, rng: random.Random) -> list[float]:
    values = [rng.lognormvariate(0, _SPREAD) for _ in range(count)]
    scale = mean * count / sum(values)
    return [value * scale for value in values]


def requests_of(call: CallMetrics, rng: random.Random) -> Iterator[ServiceSample]:
    """The requests of a call, at the moments they ended."""
    exchanges = call.user_turns or 0
    length = timedelta(seconds=call.duration_seconds or 0)
    means = {"asr": call.asr_latency_ms, "llm": call.llm_latency_ms, "tts": call.tts_latency_ms}
    for name, mean in means.items():
        for number, value in enumerate(_around(mean, exchanges, rng) if mean and exchanges else ()):
            at = call.start_time + length * ((number + 0.5) / exchanges)
            yield ServiceSample(
                service=SERVICES[name], operation=OPERATIONS[name], duration_ms=round(value, 1), at=at
            )
    for error in call.errors:
        if error.type in _ERRORS:
            name, kind = _ERRORS[error.type]
            took = TIMEOUT_MS if kind == ServiceError.TIMEOUT else rng.uniform(80, 600)
            yield ServiceSample(
                service=SERVICES[name],
                operation=OPERATIONS[name],
                duration_ms=took,
                error=kind,
                at=error.at or call.start_time + length / 2,
            )
    yield from _bookkeeping(call, rng)


def _bookkeeping(call: CallMetrics, rng: random.Random) -> Iterator[ServiceSample]:
    end = call.end_time or call.start_time
    crm_failed = any(error.type == "crm_timeout" for error in call.errors)
    yield ServiceSample(
        service="carrier",
        operation="POST /dial" if call.direction == "outbound" else "answer",
        duration_ms=round(rng.lognormvariate(5.4, 0.3), 1),
        error=ServiceError.EXCEPTION if any(e.fault == "carrier" for e in call.errors) else None,
        at=call.start_time,
    )
    yield ServiceSample(
        service="crm",
        operation="PATCH /leads/{id}",
        duration_ms=5_000.0 if crm_failed else round(rng.lognormvariate(4.6, 0.4), 1),
        error=ServiceError.TIMEOUT if crm_failed else None,
        at=end,
    )
    yield ServiceSample(
        service="api",
        operation="POST /webhooks/call-status",
        duration_ms=round(rng.lognormvariate(3.0, 0.5), 1),
        at=end,
    )
