"""``GET /api/v1/analytics/calls``: the calls of a range of days page by page, beside the figures of all."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import date
from typing import Annotated, Any
from urllib.parse import urlencode

from fastapi import APIRouter, Depends, HTTPException, Query, Request, Response
from fastapi.responses import JSONResponse
from pydantic import BeforeValidator

from core.access.permissions import Permission
from core.access.personal import hidden, lead_names
from core.aggregation.search.call_analytics import MOST_READ, analytics, load_listed
from core.aggregation.search.call_conditions import CallConditions
from core.aggregation.search.call_pages import Page, Position, find_page
from core.aggregation.search.call_search import count_calls
from core.aggregation.search.call_tables import to_csv, to_parquet
from core.api.keys import Key
from core.api.parameters import DayRange, Filters, Flag, only_known, refused
from core.api.problems import refusals
from core.api.reading.conditions import Conditions
from core.api.reading.forms import Form, WantedForm, refuse_file
from core.api.responses import CallPage, rounded
from core.api.security import Asking, Require
from core.clock import period_of_days
from core.settings import get_settings
from core.storage import get_sync_database
from core.storage.archive.archived_rows import archived_rows
from core.storage.collections import CALLS
from core.storage.restrictions import hidden_leads

MOST_IN_JSON, MOST_IN_FILE = 1_000, 10_000
_TOO_MANY = (
    f"more than {MOST_READ:,} calls: of so many only direction, language, status and campaign are told "
    "apart; ask for fewer days"
)
_ANSWERS: dict[int | str, dict[str, Any]] = {
    200: {
        "content": {
            Form.CSV: {"schema": {"type": "string"}},
            Form.PARQUET: {"schema": {"type": "string", "format": "binary"}},
        },
        "headers": {"Link": {"description": "The next page: rel=next", "schema": {"type": "string"}}},
    },
    **refusals(406),
}

router = APIRouter(
    prefix="/api/v1/analytics",
    tags=["analytics"],
    dependencies=[Depends(Require(Permission.READ)), Depends(only_known)],
)


def _position(value: object) -> object:
    if isinstance(value, str):
        Position.parse(value)
    return value


Cursor = Annotated[
    str | None,
    BeforeValidator(_position),
    Query(max_length=2_000, description="next_cursor of the page before; its other parameters again"),
]
Limit = Annotated[
    int,
    Query(ge=1, le=MOST_IN_FILE, description=f"Calls of a page; of JSON at most {MOST_IN_JSON:,}"),
]


@router.get("/calls", response_model=CallPage, responses=_ANSWERS)
def calls(
    request: Request,
    form: WantedForm,
    days: DayRange,
    filters: Filters,
    conditions: Conditions,
    key: Asking,
    limit: Limit = 100,
    cursor: Cursor = None,
    offset: Annotated[int, Query(ge=0, le=1_000_000, description="Calls to pass over; cursor is faster")] = 0,
    with_analytics: Annotated[
        Flag, Query(alias="analytics", description="Whether the first page has them")
    ] = True,
) -> Response:
    """The calls of a range of days, the newest first, and the figures of all of them.

    With ``Accept: text/csv`` or ``application/vnd.apache.parquet`` the page is a file, up to 10,000 calls.
    """
    _refuse_contradictions(form, limit, cursor, offset)
    _refuse_beyond(key, form, conditions)
    database, period = get_sync_database(), period_of_days(*days)
    page = find_page(
        database,
        *period,
        filters=filters,
        facets=conditions,
        limit=limit,
        offset=offset,
        after=Position.parse(cursor) if cursor else None,
    )
    if Permission.SEE_PERSONAL not in key.may:
        name = lead_names(database)
        page = replace(page, calls=[hidden(call, name) for call in page.calls])
    headers = _headers(request, page)
    if form is not Form.JSON:
        return _file(form, page, days, headers)
    archived = archived_rows(database, CALLS, *period)
    total = cube = None
    asked = with_analytics and cursor is None and not offset
    if asked:
        cube = load_listed(database, *period, filters, conditions)
    if cube and (conditions.query() or not (archived or hidden_leads(database))):
        total = cube.total  # as many as the pages list
    elif cursor is None:
        total = count_calls(database, *period, filters=filters, facets=conditions)
    answer = CallPage(
        start_date=days[0],
        end_date=days[1],
        timezone=get_settings().timezone,
        total=total,
        archived=archived,
        limit=limit,
        offset=offset,
        next_cursor=str(page.next) if page.next else None,
        calls=page.calls,
        analytics=analytics(cube) if cube else None,
        no_analytics=_TOO_MANY if asked and not cube else None,
    ).model_dump(mode="json")
    return JSONResponse({**answer, "analytics": rounded(answer["analytics"])}, headers=headers)


def _refuse_contradictions(form: Form, limit: int, cursor: str | None, offset: int) -> None:
    if form is Form.JSON and limit > MOST_IN_JSON:
        most = f"a page of JSON has at most {MOST_IN_JSON:,} calls"
        raise refused("limit", f"{most}; ask for {Form.CSV} or {Form.PARQUET}")
    if cursor and offset:
        raise refused("offset", "cursor says already where the page begins; leave one of them out")


def _refuse_beyond(key: Key, form: Form, conditions: CallConditions) -> None:
    """Refuse a key what it may not: to ask for a lead, or for files."""
    of_lead = conditions.lead_id is not None or bool(conditions.found)
    if of_lead and Permission.SEE_PERSONAL not in key.may:
        raise HTTPException(403, f"lead_id: this key may not {Permission.SEE_PERSONAL}")
    refuse_file(form, key)


def _headers(request: Request, page: Page) -> dict[str, str]:
    headers = {"Vary": "Accept"}
    if page.next:
        asked = {
            name: value for name, value in request.query_params.items() if name not in {"cursor", "offset"}
        }
        query = urlencode({**asked, "cursor": str(page.next)})
        headers["Link"] = f'<{request.url.path}?{query}>; rel="next"'
    return headers


def _file(form: Form, page: Page, days: tuple[date, date], headers: Mapping[str, str]) -> Response:
    ending = "csv" if form is Form.CSV else "parquet"
    content = to_csv(page.calls) if form is Form.CSV else to_parquet(page.calls)
    name = f'attachment; filename="calls_{days[0]}_{days[1]}.{ending}"'
    kind = f"{form}; charset=utf-8" if form is Form.CSV else str(form)
    return Response(content, headers={**headers, "Content-Disposition": name}, media_type=kind)
