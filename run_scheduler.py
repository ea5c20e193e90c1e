"""Starts the scheduler process: ``python run_scheduler.py [--once]``; see docs/alerting.md."""

import argparse
import sys

from core.errors import UserError


def main() -> int:
    """Parse the arguments and run; 0 when done or told to stop, 2 where the configuration is wrong."""
    parser = argparse.ArgumentParser(
        description="Aggregates recorded calls, checks the alert rules and sends alerts, "
        "every ALERT_CHECK_INTERVAL_SECONDS (300). SIGTERM and Ctrl-C end it."
    )
    parser.add_argument("--once", action="store_true", help="run every job once; exit code 1 if one fails")
    arguments = parser.parse_args()
    try:
        from core.settings import get_settings  # noqa: PLC0415 (wrong settings are said before all else)

        get_settings()
        from core.scheduler import run  # noqa: PLC0415 (sets logging up from the settings)

        return run(once=arguments.once)
    except UserError as error:
        sys.stderr.write(f"error: {error}\n")
        return 2


if __name__ == "__main__":
    sys.exit(main())
