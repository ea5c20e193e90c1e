"""The panel comparing calls in which the lead changes language with the others."""

from urllib.parse import urlencode

import pandas as pd

from core.aggregation.conversations.language_changes import Group, language_changes
from core.aggregation.conversations.read import TURNS_OF, Conversations
from core.aggregation.intervals import distinguishable
from dashboard import formats
from dashboard.panels.conversations.wording import TOO_LONG, share_words
from dashboard.panels.panel import Panel, fails_alone
from dashboard.panels.view import View


@fails_alone("Changes of language")
def changes_of_language(view: View, found: Conversations | None) -> Panel:
    """Return calls in which the lead changes language, compared with the others."""
    key, title = "language-changes", "Calls that change language"
    if found is None:
        return Panel(key, title, TOO_LONG)
    seen = language_changes(found.calls, found.turns)
    changing, steady = seen.changing, seen.steady
    n = changing.calls + steady.calls
    if not n:
        return view.missing(key, title, "turn language")
    differs = distinguishable(changing.qualified, changing.completed, steady.qualified, steady.completed)
    groups = {"Change language": changing, "One language": steady}
    rows = [
        {
            "Group": name,
            "Calls": f"{group.calls:,}",
            "Qualified (95 %)": share_words(group.qualified, group.completed),
            "Turns": f"{group.turns:,}",
            "Wait p50": formats.number(group.p50, "ms"),
            "Wait p95": formats.number(group.p95, "ms"),
            "Newest calls": _links(group),
        }
        for name, group in groups.items()
    ]
    first = seen.first
    rows.append(
        rows[0]
        | {
            "Group": "First turn after a change",
            "Calls": "",
            "Qualified (95 %)": "",
            "Turns": f"{first.turns:,}",
            "Wait p50": formats.number(first.p50, "ms"),
            "Wait p95": formats.number(first.p95, "ms"),
            "Newest calls": "",
        }
    )
    verdict = "significantly different" if differs else "no significant difference"
    page = pd.DataFrame(rows)
    return Panel(
        key,
        title,
        f"{share_words(changing.calls, n)} of calls change language · qualification rate: {verdict} · the "
        f"agent did not follow {seen.not_followed:,} of {first.turns:,} changes · n {n:,} of the newest "
        f"{TURNS_OF:,} answered calls",
        table=page.drop(columns="Newest calls"),
        page=page,
    )


def _links(group: Group) -> str:
    links = (
        f"[{number}](calls?{urlencode({'call_id': call_id})})"
        for number, call_id in enumerate(group.newest, start=1)
    )
    return " ".join(links)
