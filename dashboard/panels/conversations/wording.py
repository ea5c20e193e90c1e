"""What the panels about single calls have in common: shares in words, and which calls they are of."""

from core.aggregation.conversations.read import NEWEST_CALLS, Conversations
from core.aggregation.intervals import wilson
from core.settings import get_settings
from dashboard import formats
from dashboard.panels.view import View

TOO_LONG = "The database takes too long to find the calls: choose a shorter period"


def share_words(part: int, whole: int) -> str:
    """``86.0 % (83.1 to 88.4)``, with its 95 % interval; a dash where there is no whole."""
    if not whole:
        return formats.NONE
    low, high = (100 * float(end) for end in wilson(part, whole))
    return f"{100 * part / whole:.1f} % ({low:.1f} to {high:.1f})"


def of_which(view: View, found: Conversations) -> str:
    """Which calls a panel is of: all of the period, or how far back the newest reach."""
    if not found.cut or found.since is None:
        return "all calls of the period"
    since = formats.clock(found.since, get_settings().tz, view.window.end)
    return f"the newest {NEWEST_CALLS:,} calls, since {since}"
