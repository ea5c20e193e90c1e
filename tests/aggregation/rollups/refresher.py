"""Refreshes roll-ups until it is killed: ``python -m tests.aggregation.rollups.refresher SECONDS``.

The argument is how long a change may land after its marking: short, so that a test need not wait a minute.
"""

import sys
from datetime import timedelta

from core.aggregation.rollups.refresh import refresh_rollups
from core.storage import get_sync_database
from core.storage.recording import dirty_windows

if __name__ == "__main__":
    dirty_windows.OVERLAP = timedelta(seconds=float(sys.argv[1]))
    while True:
        refresh_rollups(get_sync_database())
