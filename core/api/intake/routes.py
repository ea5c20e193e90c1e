"""``POST /api/v1/calls`` and the like: what an agent in any language reports."""

import asyncio
from collections.abc import Callable
from functools import partial
from http import HTTPStatus
from typing import Any, Literal, TypeVar, cast

from fastapi import APIRouter, Depends, HTTPException, Request, Response
from pydantic import BaseModel, ConfigDict, Field

from core.api.intake.bodies import REFUSALS, Bodies
from core.api.intake.items import Accepted, Items, Refused, Unusable, as_sent, read_items
from core.api.parameters import only_known
from core.api.problems import PROBLEM, refusals
from core.api.security import require_sending_key
from core.clock import utc_now
from core.errors import names_of
from core.logging_config import get_logger
from core.models.calls.reports import CallReport
from core.models.metrics import CallMetrics, Direction, Language, ServiceSample, TurnMetrics
from core.pricing import priced
from core.services.reports import not_ahead, prepared
from core.storage.recording.active_calls import Change, alive, ended, signal_active, started
from core.storage.recording.recorder import record
from core.storage.recording.records import Fate
from core.storage.recording.service_minutes import writer
from core.storage.recording.versions import CLOCKS_DIFFER

logger = get_logger("api")
T = TypeVar("T")
_APART = "the database will never take it; it is kept apart, in DATA_DIR/spool"
_AHEAD = "is ahead of the clock here, and was taken for the time when it came"
_LOST = "neither the database nor the disk takes it just now; send it again"

router = APIRouter(
    prefix="/api/v1",
    tags=["ingestion"],
    dependencies=[Depends(require_sending_key), Depends(only_known)],
    responses=refusals(*REFUSALS),
)


class ActiveCallSign(BaseModel):
    """A heartbeat: a call began, continues, or ended. It counts for 90 s."""

    model_config = ConfigDict(extra="forbid", use_enum_values=True)

    event: Literal["started", "heartbeat", "ended"]
    call_id: str = Field(min_length=1, max_length=256)
    lead_id: str | None = Field(default=None, max_length=256)
    direction: Direction | None = None
    language: Language = "unknown"
    campaign: str | None = Field(default=None, max_length=128)


class _SharedFlush:
    """Writes sums of requests; those that arrive during a write share the next one."""

    def __init__(self) -> None:
        self._lock = asyncio.Lock()
        self._asked = self._done = 0
        self._durable = True

    async def __call__(self) -> bool:
        """Return whether everything added before is durable."""
        self._asked += 1
        mine = self._asked
        async with self._lock:
            if self._done < mine:
                upto = self._asked
                self._durable = await asyncio.to_thread(writer.flush)
                self._done = upto
            return self._durable


_flush = _SharedFlush()


def _call_or_report(item: dict[str, Any]) -> CallMetrics | CallReport:
    if "source" in item or "facts" in item:
        return as_sent(CallReport, item)
    return priced(as_sent(CallMetrics, item))


def _in_time(items: Items[CallMetrics | CallReport]) -> dict[int, CallReport]:
    """Return the reports of a request, none of them dated in the future; those that were are reported."""
    now, taken = utc_now(), {}
    for index, one in items.good.items():
        if isinstance(one, CallReport):
            taken[index] = not_ahead(one, now)
            if one.at - now > CLOCKS_DIFFER:
                items.changed.append(Refused(index=index, field="at", reason=_AHEAD))
    if items.changed:
        logger.warning("Reports from a clock that is ahead", extra={"reports": len(items.changed)})
    return taken


@router.post("/calls", status_code=202, response_model_exclude_none=True)
async def calls(request: Request) -> Accepted:
    """Store calls, or what a source knows about calls. Sending the same ``call_id`` again replaces the call.

    With ``source`` and ``role`` an item is a report: it fills in what the source knows, and blanks nothing.
    """
    async with _bodies(request).read(request) as body:
        items = _read(request, body, _call_or_report, CallMetrics, CallReport)
        reports = _in_time(items)
        for index, report in zip(reports, await prepared(reports.values()), strict=True):
            items.good[index] = report
        return await _record(items)


@router.post("/turns", status_code=202, response_model_exclude_none=True)
async def turns(request: Request) -> Accepted:
    """Store exchanges of calls. Sending the same ``turn`` of the same ``call_id`` again replaces it."""
    async with _bodies(request).read(request) as body:
        return await _record(_read(request, body, partial(as_sent, TurnMetrics), TurnMetrics))


@router.post("/service-calls", status_code=202, response_model_exclude_none=True)
async def service_calls(request: Request) -> Accepted:
    """Count requests to the agent's API or to services it uses. Sent again, they count again."""
    async with _bodies(request).read(request) as body:
        items = _read(request, body, partial(as_sent, ServiceSample), ServiceSample)
    for sample in items.good.values():
        writer.add(None, sample)
    if items.good and not await _flush():
        raise _unavailable(_LOST)
    return _answer(items)


@router.post("/active-calls", status_code=202, response_model_exclude_none=True)
async def active_calls(request: Request) -> Accepted:
    """Report that calls began, continue (every 30 s is enough) or ended; 503 while the database is away."""
    async with _bodies(request).read(request) as body:
        items = _read(request, body, ActiveCallSign.model_validate, ActiveCallSign)
    changes = [_change(sign) for sign in items.good.values()]
    if changes and not await signal_active(None, *changes):
        raise _unavailable("the database is away: active calls are not counted")
    return _answer(items)


def _change(sign: ActiveCallSign) -> Change:
    if sign.event == "started":
        return started(**sign.model_dump(exclude={"event"}, exclude_none=True))
    return alive(sign.call_id) if sign.event == "heartbeat" else ended(sign.call_id)


async def _record(items: Items[Any]) -> Accepted:
    fates = await asyncio.gather(*(record(None, one) for one in items.good.values()))
    if Fate.LOST in fates:
        raise _unavailable(_LOST)
    for index, fate in zip(list(items.good), fates, strict=True):
        if fate is Fate.REFUSED:
            items.refuse(index, _APART)
    return _answer(items)


def _read(
    request: Request, body: bytes, validate: Callable[[dict[str, Any]], T], *models: type[BaseModel]
) -> Items[T]:
    return read_items(body, request.headers.get("content-type", ""), validate, names_of(*models))


def _answer(items: Items[Any]) -> Accepted:
    if items.refused and not items.good:
        raise NothingUsableError(items)
    return Accepted(accepted=len(items.good), refused=items.refused, changed=items.changed or None)


class NothingUsableError(Exception):
    """Every item of a request was refused."""

    def __init__(self, items: Items[Any]) -> None:
        super().__init__()
        self.refused = items.refused


def nothing_usable(_request: Request, error: Exception) -> Response:
    """Answer a request without any valid item."""
    assert isinstance(error, NothingUsableError)  # noqa: S101 (it is registered for this alone)
    status = HTTPStatus.UNPROCESSABLE_ENTITY
    first = error.refused[0]
    detail = f"{first.field}: {first.reason}" if first.field else first.reason
    unusable = Unusable(title=status.phrase, status=status, detail=detail, refused=error.refused)
    return Response(unusable.model_dump_json(), status, media_type=PROBLEM)


def _bodies(request: Request) -> Bodies:
    return cast("Bodies", request.app.state.bodies)


def _unavailable(detail: str) -> HTTPException:
    return HTTPException(HTTPStatus.SERVICE_UNAVAILABLE, detail, {"Retry-After": "5"})
