"""Wording shared by these panels: shares with intervals, and which calls they cover."""

from core.aggregation.conversations.read import NEWEST_CALLS, Conversations
from core.aggregation.intervals import wilson
from core.settings import get_settings
from dashboard import formats
from dashboard.panels.view import View

TOO_LONG = "Finding these calls takes too long: choose a shorter period"


def share_words(part: int, whole: int) -> str:
    """Return a share with its 95 % interval, ``86.0 % (83.1 to 88.4)``; a dash if ``whole`` is 0."""
    if not whole:
        return formats.NONE
    low, high = (100 * float(end) for end in wilson(part, whole))
    return f"{100 * part / whole:.1f} % ({low:.1f} to {high:.1f})"


def of_which(view: View, found: Conversations) -> str:
    """Return which calls a panel covers: all of the period, or the newest and since when."""
    if not found.cut or found.since is None:
        return "all calls of the period"
    since = formats.clock(found.since, get_settings().tz, view.window.end)
    return f"the newest {NEWEST_CALLS:,} calls, since {since}"
