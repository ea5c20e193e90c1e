"""The agent that the fault tests kill: records calls until its list ends, and says what is acknowledged.

``python -m tests.faults.writer FIRST LAST STEP REPEATS CALLERS`` records the calls FIRST, FIRST + STEP and so
on; a line "number form" on stdout is one that is acknowledged.
"""

import asyncio
import os
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

from core.models.metrics import CallMetrics
from core.services.metrics_service import MetricsService

START = datetime(2024, 10, 24, tzinfo=UTC)


def call(number: int, form: int) -> CallMetrics:
    """A call in one of its forms: each of them lies in another window than the one before."""
    start = START + timedelta(seconds=number % 86_400, minutes=20 * form)
    return CallMetrics.model_validate(
        {
            "call_id": f"call_{number}",
            "start_time": start,
            "duration_seconds": 60 + form,
            "status": ("completed", "failed", "no_answer")[number % 3],
            "direction": "outbound",
            "asr_latency_ms": 100 + number % 1_000,
            "attempt": form + 1,
        }
    )


def forms(numbers: range, repeats: int) -> Iterator[tuple[int, int]]:
    """Each call, and some of them again in a later form."""
    for number in numbers:
        for form in range(1 + (number % 10 < repeats)):
            yield number, form


async def record_all(work: Iterator[tuple[int, int]], callers: int) -> None:
    """So many callers, each of which waits for one call before it records the next."""
    service = MetricsService()

    async def caller() -> None:
        for number, form in work:
            await service.record_call_metrics(call(number, form))
            os.write(1, f"{number} {form}\n".encode())  # at once: nothing waits in a buffer to be lost

    await asyncio.gather(*(caller() for _ in range(callers)))


if __name__ == "__main__":
    first, last, step, repeats, callers = map(int, sys.argv[1:])
    asyncio.run(record_all(forms(range(first, last, step), repeats), callers))
