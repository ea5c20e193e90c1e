"""``python -m core``."""

import sys


def run() -> int:
    """Run the command line; Ctrl-C ends it quietly even while it is still loading."""
    try:
        from core.logging_config import leave_bad_settings_to_caller  # noqa: PLC0415 (Ctrl-C while it loads)

        leave_bad_settings_to_caller()
        from core.cli import main  # noqa: PLC0415 (Ctrl-C while it loads)

        return main()
    except KeyboardInterrupt:
        return 130


if __name__ == "__main__":
    sys.exit(run())
