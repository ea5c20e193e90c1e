"""Calls and lists of them: whoever gets one is noted, also where the answer is shared."""

from contextlib import suppress

from fastapi import Request
from fastapi.concurrency import run_in_threadpool
from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from core.access.audit import Action, audit_read, call_subject, lead_token
from core.api.audit.actors import actor_of
from core.clock import local_today, parse_date, period_of_days
from core.errors import UserError
from core.storage import get_sync_database
from core.storage.server.connection import StoreUnavailableError

LISTS = {"/api/v1/analytics/calls": "calls", "/api/v1/analytics/compliance": "compliance"}
"""Questions whose answers name leads, and what the log calls them."""
ONE_CALL = "/api/v1/analytics/calls/"
"""What the path of a single call begins with; its id follows."""
_NO_FACTS = {"start_date", "end_date", "lead_id", "cursor", "analytics"}
_OK = 200


class AuditedLists:
    """Notes each call and list before a byte of it leaves; outside of what has readers share an answer."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        path = scope.get("path", "")
        asked = path in LISTS or path.startswith(ONE_CALL)
        if scope["type"] != "http" or scope["method"] != "GET" or not asked:
            await self._app(scope, receive, send)
            return

        async def noted(message: Message) -> None:
            if message["type"] == "http.response.start" and message["status"] == _OK:
                kind = Headers(raw=message["headers"]).get("content-type", "").partition(";")[0]
                await run_in_threadpool(_note, Request(scope), kind)
            await send(message)

        await self._app(scope, receive, noted)


def _note(request: Request, kind: str) -> None:
    path: str = request.scope["path"]
    if path.startswith(ONE_CALL):
        subject = call_subject(path.removeprefix(ONE_CALL))
        with suppress(StoreUnavailableError):
            audit_read(get_sync_database(), actor_of(request), Action.VIEWED_CALL, subject, form=kind)
        return
    asked = request.query_params
    is_file = kind != "application/json"
    subject = next(
        (name(asked[field]) for field, name in _SUBJECTS.items() if asked.get(field)),
        LISTS[request.scope["path"]],
    )
    days = _days(asked.get("start_date"), asked.get("end_date"))
    narrowed = sorted(set(asked) - _NO_FACTS)
    with suppress(StoreUnavailableError):
        audit_read(
            get_sync_database(),
            actor_of(request),
            Action.EXPORTED if is_file else Action.LISTED_CALLS,
            subject,
            each=is_file,
            form=kind,
            **days,
            narrowed_by=narrowed or None,
        )


_SUBJECTS = {"lead_id": lead_token, "provider_call_id": call_subject}


def _days(first: str | None, last: str | None) -> dict[str, str]:
    """Return the period of a list, in UTC, as facts for the log; {} without one."""
    with suppress(UserError):
        if first:
            start, end = period_of_days(parse_date(first), parse_date(last) if last else local_today())
            return {"since": start.isoformat(), "until": end.isoformat()}
    return {}
