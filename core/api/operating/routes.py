"""``/api/v1/alerts``, ``/silences``, ``/rules``: what the dashboard and the command line do, over HTTP."""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Annotated, Any, TypeVar

import pymongo
from fastapi import APIRouter, Depends, HTTPException, Path, Request
from fastapi.concurrency import run_in_threadpool
from pydantic import BaseModel
from pymongo.database import Database

from core.access.audit import Action, audit
from core.access.permissions import Permission
from core.alerting import actions
from core.alerting.board import SilenceLine, alert_board, silence_lines
from core.alerting.rules.rule_store import rules_in_force
from core.api.audit.actors import actor_of
from core.api.gate import LONGEST_SECONDS
from core.api.intake.bodies import REFUSALS
from core.api.operating.answers import Board, RuleList, SilenceAnswer, SilenceList
from core.api.operating.forms import Acknowledging, Closing, Silencing, Withdrawing, read_form
from core.api.parameters import only_known
from core.api.problems import refusals
from core.api.responses import AlertAnswer, Figures, in_shares, written
from core.api.security import Asking, Require, written_by
from core.clock import to_utc
from core.errors import UserError
from core.models.recurrence import Recurrence
from core.settings import get_settings
from core.storage import get_sync_database
from core.storage.server.connection import server_time
from core.types import Document

router = APIRouter(
    prefix="/api/v1", tags=["alerts"], dependencies=[Depends(Require(Permission.READ)), Depends(only_known)]
)
_USUAL_SILENCE = timedelta(hours=1)
Which = Annotated[
    str, Path(min_length=1, max_length=256, description="Id of the alert or its beginning, or its rule")
]
Result = TypeVar("Result", AlertAnswer, SilenceAnswer)


def _taking(form: type[BaseModel]) -> dict[str, Any]:
    schema = form.model_json_schema()
    return {"requestBody": {"required": True, "content": {"application/json": {"schema": schema}}}}


@router.get("/alerts", response_class=Figures)
@written
def board() -> Board:
    """The alerts that are firing, pending or silenced, or ended within the last 7 days."""
    database = get_sync_database()
    found = alert_board(database, _now(database))
    return Board(
        **{
            name: [in_shares(alert) for alert in getattr(found, name)]
            for name in ("active", "pending", "silenced", "resolved")
        }
    )


@router.post(
    "/alerts/{alert}/acknowledge",
    dependencies=[Depends(Require(Permission.ACKNOWLEDGE))],
    response_class=Figures,
    responses=refusals(404, *REFUSALS),
    openapi_extra=_taking(Acknowledging),
)
async def acknowledge(alert: Which, request: Request, key: Asking) -> AlertAnswer:
    """Acknowledge an alert: no more reminders, no escalation; everyone notified of it learns of this."""
    form = await read_form(request, Acknowledging)

    def act(database: Database[Document]) -> AlertAnswer:
        found = actions.find_firing(database, alert)
        lasts = timedelta(minutes=form.minutes)
        who = written_by(form.author, key)
        return in_shares(actions.acknowledge(database, found.id, who, form.comment, lasts=lasts))

    return await _attempt(request, act, 404, Action.ACKNOWLEDGED)


@router.post(
    "/alerts/{alert}/withdraw",
    dependencies=[Depends(Require(Permission.ACKNOWLEDGE))],
    response_class=Figures,
    responses=refusals(404, *REFUSALS),
    openapi_extra=_taking(Withdrawing),
)
async def withdraw(alert: Which, request: Request, key: Asking) -> AlertAnswer:
    """Withdraw an acknowledgement, so that the alert is repeated again."""
    form = await read_form(request, Withdrawing)

    def act(database: Database[Document]) -> AlertAnswer:
        found = actions.find_firing(database, alert)
        return in_shares(actions.withdraw_acknowledgement(database, found.id, written_by(form.author, key)))

    return await _attempt(request, act, 404, Action.WITHDREW)


@router.post(
    "/alerts/{alert}/close",
    dependencies=[Depends(Require(Permission.CLOSE))],
    response_class=Figures,
    responses=refusals(404, *REFUSALS),
    openapi_extra=_taking(Closing),
)
async def close(alert: Which, request: Request, key: Asking) -> AlertAnswer:
    """Close an alert by hand; it fires again if its rule is still broken."""
    form = await read_form(request, Closing)

    def act(database: Database[Document]) -> AlertAnswer:
        found = actions.find_firing(database, alert)
        return in_shares(actions.close(database, found.id, written_by(form.author, key), form.comment))

    return await _attempt(request, act, 404, Action.CLOSED)


@router.get("/silences")
def silences() -> SilenceList:
    """Every silence, and whether it is active, still to come, between two recurrences, or over."""
    database = get_sync_database()
    found = [SilenceAnswer.of(line) for line in silence_lines(database, _now(database))]
    return SilenceList(count=len(found), silences=found)


@router.post(
    "/silences",
    status_code=201,
    dependencies=[Depends(Require(Permission.SILENCE))],
    responses=refusals(*REFUSALS),
    openapi_extra=_taking(Silencing),
)
async def silence(request: Request, key: Asking) -> SilenceAnswer:
    """Silence alerts with these labels for a while, 1 h by default.

    What still fires at its end is notified then.
    """
    form = await read_form(request, Silencing)

    def act(database: Database[Document]) -> SilenceAnswer:
        now = _now(database)
        start = form.start or now
        made = actions.silence(
            database,
            form.matchers,
            start,
            _end(form, start),
            written_by(form.author, key),
            form.comment,
            recurrence=_recurrence(form.recurs) if form.recurs is not None else None,
        )
        return SilenceAnswer.of(SilenceLine.of(made, now))

    return await _attempt(request, act, 422, Action.SILENCED)


@router.post(
    "/silences/{silence}/end", dependencies=[Depends(Require(Permission.SILENCE))], responses=refusals(404)
)
def end_silence(silence: Annotated[str, Path(min_length=1, max_length=64)], request: Request) -> SilenceList:
    """End a silence now; what it muted and still fires is notified at the next check."""
    database = get_sync_database()
    try:
        actions.end_silence(database, silence)
    except UserError as error:
        raise HTTPException(404, str(error)) from None
    audit(database, actor_of(request), Action.UNSILENCED, silence)
    return silences()


@router.get("/rules", response_class=Figures)
@written
def rules() -> RuleList:
    """The alert rules in force."""
    found = rules_in_force(get_sync_database())
    return RuleList(count=len(found.rules), rules=list(found.rules), refused=list(found.refused))


async def _attempt(
    request: Request, act: Callable[[Database[Document]], Result], refused: int, action: Action
) -> Result:
    """Run an action within a query's time limit, and record it; a failure is answered with this status."""

    def done() -> Result:
        with pymongo.timeout(LONGEST_SECONDS):
            database = get_sync_database()
            try:
                result = act(database)
            except UserError as error:
                raise HTTPException(refused, str(error)) from None
            audit(database, actor_of(request), action, result.id)
            return result

    return await run_in_threadpool(done)


def _now(database: Database[Document]) -> datetime:
    return to_utc(server_time(database))


def _end(form: Silencing, start: datetime) -> datetime | None:
    if form.end is not None and form.minutes is not None:
        raise UserError("give either end or minutes")
    if form.end is not None:
        return form.end
    if form.minutes is not None:
        return start + timedelta(minutes=form.minutes)
    return None if form.recurs else start + _USUAL_SILENCE


def _recurrence(text: str) -> Recurrence:
    try:
        return Recurrence.parse(text, get_settings().timezone)
    except ValueError as error:
        raise UserError(f"recurs: {error}") from None
