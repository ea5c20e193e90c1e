"""Hide personal data from readers who may not see it: leads get a pseudonym, the rest is left out.

Applied after the caches, which all readers share.
"""

from collections.abc import Sequence
from dataclasses import replace

from core.access.permissions import Permission
from core.access.personal import Naming, hidden, hidden_row
from core.aggregation.search.call_detail import WholeCall
from core.types import Document
from dashboard import visitor
from dashboard.queries import call_queries


def shown_call(whole: WholeCall) -> WholeCall:
    """Return a call as its reader sees it."""
    if visitor.may(Permission.SEE_PERSONAL):
        return whole
    name = call_queries.lead_naming()
    others = [hidden_row(row, name) for row in whole.others]
    return replace(whole, call=hidden(whole.call, name), others=others, lines=[])


def shown_rows(rows: Sequence[Document]) -> Sequence[Document]:
    """Return stored calls as their reader sees them."""
    if visitor.may(Permission.SEE_PERSONAL):
        return rows
    name = call_queries.lead_naming()
    return [hidden_row(row, name) for row in rows]


def shown_lead() -> Naming:
    """Return the function that turns a lead's id into what the reader sees."""
    return str if visitor.may(Permission.SEE_PERSONAL) else call_queries.lead_naming()
