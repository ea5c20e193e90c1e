"""Start the scheduler: ``python run_scheduler.py [--once | --health]``; see docs/operations.md."""

import argparse
import signal
import sys

from core.errors import UserError


def main() -> int:
    """Parse the arguments and run; return 0 when done or stopped, 2 if the configuration is invalid."""
    parser = argparse.ArgumentParser(
        description="Updates the roll-ups every minute, checks alert rules and sends alerts every "
        "ALERT_CHECK_INTERVAL_SECONDS (300), closes the day and archives at night. Of several schedulers, "
        "only one is active. SIGTERM or Ctrl-C stops it."
    )
    how = parser.add_mutually_exclusive_group()
    how.add_argument("--once", action="store_true", help="run every job once; exit code 1 if one fails")
    how.add_argument(
        "--health", action="store_true", help="report whether a scheduler is alive; exit code 1 if none is"
    )
    arguments = parser.parse_args()
    # Until the scheduler has its own handlers: being stopped while loading is a clean exit.
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: sys.exit(0))
    try:
        from core.settings import get_settings  # noqa: PLC0415 (report bad settings before anything else)

        get_settings()
        from core.scheduler import health, run  # noqa: PLC0415 (configures logging from the settings)

        if arguments.health:
            alive, words = health()
            sys.stdout.write(f"{words}\n")
            return 0 if alive else 1
        return run(once=arguments.once)
    except UserError as error:
        sys.stderr.write(f"error: {error}\n")
        return 2


if __name__ == "__main__":
    sys.exit(main())
