"""Starts the scheduler process: ``python run_scheduler.py [--once | --health]``; see docs/operations.md."""

import argparse
import signal
import sys

from core.errors import UserError


def main() -> int:
    """Parse the arguments and run; 0 when done or told to stop, 2 where the configuration is wrong."""
    parser = argparse.ArgumentParser(
        description="Rolls recorded calls up every minute, checks the alert rules and sends alerts every "
        "ALERT_CHECK_INTERVAL_SECONDS (300), closes the day and archives at night. Of several schedulers "
        "one is at work. SIGTERM and Ctrl-C end it."
    )
    how = parser.add_mutually_exclusive_group()
    how.add_argument("--once", action="store_true", help="run every job once; exit code 1 if one fails")
    how.add_argument(
        "--health", action="store_true", help="say whether a scheduler is alive; exit code 1 if none is"
    )
    arguments = parser.parse_args()
    # Until the scheduler has handlers of its own: what is told to stop while it loads has stopped well.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    try:
        from core.settings import get_settings  # noqa: PLC0415 (wrong settings are said before all else)

        get_settings()
        from core.scheduler import health, run  # noqa: PLC0415 (sets logging up from the settings)

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
