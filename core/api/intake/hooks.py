"""``POST /hooks/{source}``: what platforms and carriers post, if they know the source's secret."""

import hmac
from collections.abc import Sequence
from http import HTTPStatus
from typing import Any, cast

from fastapi import APIRouter, HTTPException, Request, Response
from fastapi.responses import JSONResponse
from pydantic import SecretStr

from core.access.guesses import Guesses
from core.adapters.delivery import Request as Posted
from core.adapters.delivery import Source
from core.api.intake.bodies import REFUSALS, Bodies
from core.api.intake.presented import presented
from core.api.problems import refusals
from core.api.security import tell
from core.errors import UserError
from core.hooks.payloads import Content, UnreadableError, UnsuitableError, beside, read_content
from core.hooks.receive import receive, refuse, should_come_again
from core.hooks.secrets import hook_secrets, sources
from core.logging_config import get_logger
from core.models.calls.reports import Role
from core.settings import get_settings
from core.storage.hook_deliveries import HookDelivery, HookOutcome

logger = get_logger("hooks")
router = APIRouter(tags=["webhooks"])
OWN_FIELDS = frozenset({"call_id", "lead_id", "campaign", "purpose"})
"""Parameters of a callback's address that are read as fields of what it posts."""
_ANSWERS: dict[int | str, dict[str, Any]] = {
    200: {"description": "Durable, or nothing to us", "content": {"application/json": {}, "text/plain": {}}},
    **refusals(401, 404, 422, 429, *REFUSALS),
}
_NOTHING_SHOWN = "no secret came: send it at the end of the path, as X-Hook-Secret or as ?secret="
_BODY = {
    "required": True,
    "content": {
        "application/json": {"schema": {"type": "object"}},
        "application/x-www-form-urlencoded": {"schema": {"type": "object"}},
        "multipart/form-data": {"schema": {"type": "object"}},
    },
}


@router.post("/hooks/{source}", responses=_ANSWERS, openapi_extra={"requestBody": _BODY})
async def hook(source: str, request: Request) -> Response:
    """Accept what a platform or carrier reports about a call.

    The secret is in the path (``/hooks/{source}/{secret}``), in the header ``X-Hook-Secret`` or in
    ``?secret=``. If the vendor signs, its signature is verified instead.
    """
    known, secrets = _source(source, request)
    _slow_down(request)
    if known.signed is None:
        shown = presented(request.scope).secrets
        if not _is_right(shown, secrets):
            raise _wrong(request, known, given=bool(shown))
    # A signed body has to be read before its sender is known, so these share a limit of their own.
    room = "bodies" if known.signed is None else "unsigned_bodies"
    async with cast("Bodies", getattr(request.app.state, room)).read(request) as body:
        return await _take(request, known, secrets, body)


def _source(name: str, request: Request) -> tuple[Source, Sequence[SecretStr]]:
    secrets = hook_secrets(get_settings())
    known = sources().get(name)
    if known is None or name not in secrets:
        tell("hook_unknown_source" if known is None else "hook_source_off", request)
        raise HTTPException(HTTPStatus.NOT_FOUND, "no such source is on; HOOK_SECRETS says which are")
    return known, secrets[name]


async def _take(request: Request, source: Source, secrets: Sequence[SecretStr], body: bytes) -> Response:
    trouble: ValueError | None = None
    content = Content({})
    try:
        content = await beside(len(body), read_content, body, request.headers.get("content-type", ""))
    except (UnreadableError, UnsuitableError) as error:
        trouble = error
    if source.signed is not None and not _is_signed(request, source, secrets, body, content):
        raise _wrong(request, source, given=True)
    if trouble is not None:
        await refuse(source.name, str(trouble), len(body))
        unreadable = isinstance(trouble, UnreadableError)
        raise HTTPException(
            HTTPStatus.BAD_REQUEST if unreadable else HTTPStatus.UNPROCESSABLE_ENTITY, str(trouble)
        )
    payload = {**_own_fields(request, source), **content.payload}
    return _answer(source, await receive(source, payload, len(body)))


def _own_fields(request: Request, source: Source) -> dict[str, str]:
    """Return what the caller wrote into the address that a carrier calls back."""
    if source.role != Role.CARRIER:
        return {}
    return {name: value for name, value in request.query_params.items() if name in OWN_FIELDS}


def _answer(source: Source, note: HookDelivery) -> Response:
    if should_come_again(note):
        detail = note.reason or ""
        raise HTTPException(HTTPStatus.SERVICE_UNAVAILABLE, detail, {"Retry-After": "5"})
    if note.outcome == HookOutcome.REFUSED:
        raise HTTPException(HTTPStatus.UNPROCESSABLE_ENTITY, note.reason)
    if source.answer:
        kind = "application/xml" if source.answer.startswith("<") else "text/plain"
        return Response(source.answer, media_type=kind)
    return JSONResponse({"outcome": str(note.outcome), "delivery": note.id})


def _is_signed(
    request: Request, source: Source, secrets: Sequence[SecretStr], body: bytes, content: Content
) -> bool:
    settings = get_settings()
    base = (settings.api_public_url or str(request.base_url)).rstrip("/")
    headers = {name.lower(): value for name, value in request.headers.items()}
    posted = Posted(base + presented(request.scope).address, headers, body, content.form)
    assert source.signed is not None  # noqa: S101 (asked before)
    try:
        return any([source.signed(posted, secret.get_secret_value()) for secret in secrets])  # noqa: C419 (each is tried, so that the time taken says nothing)
    except Exception as error:  # noqa: BLE001 (a signature of a form that nobody thought of is a wrong one)
        reason = str(error) if isinstance(error, UserError) else type(error).__name__
        logger.warning("Signature not readable", extra={"hook": source.name, "reason": reason})
        return False


def _is_right(given: Sequence[str], secrets: Sequence[SecretStr]) -> bool:
    # All are compared with each other, so that timing reveals nothing.
    right = [
        hmac.compare_digest(text.encode(), secret.get_secret_value().encode())
        for text in given
        for secret in secrets
    ]
    return any(right)


def _slow_down(request: Request) -> None:
    if wait := _guesses(request).wait_seconds(_client(request)):
        tell("hook_secret_guessing", request)
        raise HTTPException(
            HTTPStatus.TOO_MANY_REQUESTS, "too many wrong secrets", {"Retry-After": str(wait)}
        )


def _wrong(request: Request, source: Source, *, given: bool) -> HTTPException:
    if given:
        _guesses(request).add(_client(request))
    what = "signature" if source.signed is not None else "secret"
    tell(f"hook_{what}_refused" if given else "hook_secret_missing", request)
    wrong = f"wrong {what}: check the secret of {source.name} in HOOK_SECRETS"
    detail = wrong if given else _NOTHING_SHOWN
    return HTTPException(HTTPStatus.UNAUTHORIZED, detail)


def _guesses(request: Request) -> Guesses:
    return cast("Guesses", request.app.state.hook_guesses)


def _client(request: Request) -> str:
    return request.client.host if request.client else ""
