"""The scheduler, its leases and delays a few seconds long, so that a fault test need not take hours."""

import sys
from datetime import timedelta
from functools import partial

from core.alerting.notify import sender
from core.alerting.notify.outbox import SendTiming
from core.scheduler import jobs, loop, run

LEASE_SECONDS = 5.0
_TIMING = SendTiming(
    first_delay=timedelta(seconds=1),
    longest_delay=timedelta(seconds=4),
    lease=timedelta(seconds=LEASE_SECONDS),
)

if __name__ == "__main__":
    jobs.OUTBOX_EVERY_SECONDS = 1
    jobs.deliver_due = partial(jobs.deliver_due, timing=_TIMING)  # type: ignore[attr-defined]
    sender.deliver_now = partial(sender.deliver_now, timing=_TIMING)
    loop.Scheduler = partial(loop.Scheduler, lease_seconds=LEASE_SECONDS)  # type: ignore[misc,assignment]
    sys.exit(run())
