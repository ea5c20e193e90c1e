"""``/acknowledge``: where the signed link of a message leads. Opening it changes nothing; the button does.

Mail scanners and link previews open every address, but none of them presses a button.
"""

from dataclasses import dataclass
from html import escape
from http import HTTPStatus
from typing import TYPE_CHECKING, cast
from urllib.parse import parse_qs

from fastapi import APIRouter, HTTPException, Request
from fastapi.responses import HTMLResponse
from starlette.concurrency import run_in_threadpool

from core.access import plain_page
from core.access.audit import Action, audit
from core.access.roles import Actor, Role
from core.alerting.ack_links import PATH, AckLink, read_token
from core.alerting.actions import acknowledge
from core.alerting.channels.message import alert_message, dashboard_link
from core.alerting.state.alert_store import active_alerts
from core.alerting.wording import moment
from core.api.intake.presented import presented
from core.api.security import tell
from core.clock import to_utc
from core.errors import UserError
from core.models.alerts import ACKNOWLEDGED_HOURS, Alert
from core.settings import get_settings
from core.storage import get_sync_database
from core.storage.server.connection import server_time

if TYPE_CHECKING:
    from core.api.intake.bodies import Bodies

router = APIRouter(include_in_schema=False)
MOST_BYTES = 16_384
"""For a form: a name and a note."""


@dataclass(frozen=True)
class _Answer(Exception):  # noqa: N818 (an answer, good or bad)
    """A page that is the whole answer."""

    status: HTTPStatus
    title: str
    text: str


@router.get(PATH)
async def look(request: Request) -> HTMLResponse:
    """Show the alert, with a button to acknowledge it."""
    try:
        alert = await run_in_threadpool(_alert, request)
    except _Answer as answer:
        return _page(answer.title, f"<p>{escape(answer.text)}</p>", answer.status)
    form = (
        '<form method="post"><label for="who">Your name</label>'
        '<input id="who" name="who" required maxlength="128" autocomplete="name">'
        '<label for="note">What you found, or will do (optional)</label>'
        '<input id="note" name="note" maxlength="1000">'
        "<button>Acknowledge</button></form>"
        f"<small>Others are notified. Reminders stop for {ACKNOWLEDGED_HOURS} hours "
        "and the alert does not escalate.</small>"
    )
    return _page(alert_message(alert).title, _about(alert) + form)


@router.post(PATH)
async def take(request: Request) -> HTMLResponse:
    """Acknowledge the alert under the given name."""
    try:
        link = _link(request)
        form = await _form(request)
        held = await run_in_threadpool(_acknowledge, link, form.get("who", ""), form.get("note", ""))
    except _Answer as answer:
        return _page(answer.title, f"<p>{escape(answer.text)}</p>", answer.status)
    until = moment(held.acknowledged.until) if held.acknowledged else ""
    text = f"<p>No reminders until {escape(until)}; its channels are notified.</p>"
    return _page(f"Acknowledged: {held.name}", text + _about(held))


def _link(request: Request) -> AckLink:
    """Return what the link is valid for.

    Raises:
        _Answer: it is not one of ours.
    """
    if get_settings().ack_link_key is None:
        raise HTTPException(HTTPStatus.NOT_FOUND, "links to acknowledge are off; ACK_LINK_KEY turns them on")
    link = read_token(presented(request.scope).secrets[0])
    if link is None:
        tell("ack_link_refused", request)
        raise _Answer(HTTPStatus.NOT_FOUND, "This link is not valid", "Check that you copied the whole link.")
    return link


def _alert(request: Request) -> Alert:
    return _still_open(_link(request))


def _still_open(link: AckLink) -> Alert:
    """Return a link's alert, as long as it can be acknowledged.

    Raises:
        _Answer: why it cannot be.
    """
    database = get_sync_database()
    now = to_utc(server_time(database))
    if now >= link.until:
        text = "Reminders have newer links, and the dashboard takes it at any time."
        raise _Answer(HTTPStatus.GONE, "This link is too old", text)
    alert = next((one for one in active_alerts(database, now) if link.is_about(one)), None)
    if alert is None:
        raise _Answer(HTTPStatus.GONE, "This alert is over", "There is nothing left to do.")
    held = alert.acknowledged
    if held is not None and now < held.until:
        text = f"Until {moment(held.until)}." + (f" {held.comment}" if held.comment else "")
        raise _Answer(HTTPStatus.OK, f"Acknowledged by {held.author}", text)
    return alert


def _acknowledge(link: AckLink, who: str, note: str) -> Alert:
    alert = _still_open(link)
    try:
        held = acknowledge(get_sync_database(), alert.id, who, note)
    except UserError as error:
        raise _Answer(HTTPStatus.UNPROCESSABLE_ENTITY, "Not acknowledged", str(error)) from None
    # The link shows that somebody was notified, not who that is.
    audit(
        get_sync_database(),
        Actor("link in a message", Role.OPERATOR),
        Action.ACKNOWLEDGED,
        alert.id,
        name=who,
    )
    return held


async def _form(request: Request) -> dict[str, str]:
    announced = request.headers.get("content-length", "")
    if not announced.isdecimal() or int(announced) > MOST_BYTES:
        raise _Answer(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "Not acknowledged", "That is too long.")
    async with cast("Bodies", request.app.state.bodies).read(request) as body:
        fields = parse_qs(body.decode(errors="replace"), max_num_fields=10)
    return {name: values[0] for name, values in fields.items()}


def _about(alert: Alert) -> str:
    since = f"Since {moment(alert.started_at)}"
    return (
        f'<p>{escape(since)} · <a href="{escape(dashboard_link(alert))}">its calls on the dashboard</a></p>'
    )


def _page(title: str, content: str, status: HTTPStatus = HTTPStatus.OK) -> HTMLResponse:
    """Return a page that loads no resources and cannot be framed."""
    return HTMLResponse(plain_page.page(title, content), status, headers=plain_page.headers())
