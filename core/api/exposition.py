"""``GET /metrics``: the figures for Prometheus, and whatever else reads its format."""

from http import HTTPStatus
from typing import Any

from fastapi import APIRouter, Depends, Request, Response

from core.access.permissions import Permission
from core.api.problems import PROBLEM
from core.api.security import Require
from core.exporting.families import families
from core.exporting.prometheus import expose
from core.storage import get_sync_database

_PROBLEM = {PROBLEM: {"schema": {"$ref": "#/components/schemas/Problem"}}}
_TEXT = {"schema": {"type": "string"}}
_ANSWERS: dict[int | str, dict[str, Any]] = {
    200: {
        "description": "All metrics; OpenMetrics where Accept asks for it",
        "content": {"text/plain": _TEXT, "application/openmetrics-text": _TEXT},
    },
    **{code: {"description": HTTPStatus(code).phrase, "content": _PROBLEM} for code in (401, 429, 503)},
}
router = APIRouter(tags=["metrics"], dependencies=[Depends(Require(Permission.READ))])


@router.get("/metrics", response_class=Response, responses=_ANSWERS)
def metrics(request: Request) -> Response:
    """Counters, histograms and gauges for the whole store; counters advance once a minute."""
    accept = ", ".join(request.headers.getlist("accept"))
    page, content_type = expose(families(get_sync_database()), accept)
    return Response(page, headers={"Content-Type": content_type, "Cache-Control": "no-store"})
