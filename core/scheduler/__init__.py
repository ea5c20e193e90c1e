"""The scheduler process: aggregates, checks alerts and sends them. Started by ``run_scheduler.py``."""

from core.scheduler.heartbeat import health

__all__ = ["health", "run"]


def run(*, once: bool = False) -> int:
    """Run the scheduler until SIGTERM or SIGINT, or every job once; return the exit code.

    Raises:
        UserError: the configuration is invalid.
    """
    from core.scheduler.loop import run_scheduler  # noqa: PLC0415 (who only reads the heartbeat loads no jobs)

    return run_scheduler(once=once)
