"""``python -m core``."""

import sys


def run() -> int:
    """The command line; Ctrl-C while it is still loading ends it as quietly as later."""
    try:
        from core.cli import main  # noqa: PLC0415 (Ctrl-C while it loads)

        return main()
    except KeyboardInterrupt:
        return 130


if __name__ == "__main__":
    sys.exit(run())
