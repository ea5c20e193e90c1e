"""The tests; each lies where what it tests lies."""

import sys

ENDING_STARTS_NO_THREADS = (3, 12) <= sys.version_info < (3, 12, 3)
"""Whether this Python refuses threads from the moment it ends, exit functions included."""
