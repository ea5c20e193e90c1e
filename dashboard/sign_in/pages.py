"""The pages of signing in: the form, and why somebody is not let in."""

from collections.abc import Mapping
from html import escape
from http import HTTPStatus
from urllib.parse import quote

from starlette.responses import HTMLResponse, Response

from core.access import plain_page
from core.settings import PRODUCT

# With no-referrer a browser would hide the page's Origin from the form's own request.
_REFERRER = "same-origin"


def form(
    action: str,
    onward: str,
    *,
    name: str = "",
    problem: str = "",
    note: str = "",
    status: HTTPStatus = HTTPStatus.OK,
    headers: Mapping[str, str] | None = None,
) -> Response:
    """Ask for name and password.

    Args:
        action: path that the form is sent to.
        onward: path that the browser goes to afterwards.
        name: what was given as a name before.
        problem: why it is asked again.
        note: what else there is to say.
        status: of the answer.
        headers: of the answer, beside the usual ones.
    """
    first, second = ("", " autofocus") if name else (" autofocus", "")
    told = f'<p class="bad" role="alert">{escape(problem)}</p>' if problem else ""
    content = (
        f'{told}<form method="post" action="{escape(action)}">'
        f'<input type="hidden" name="next" value="{escape(onward)}">'
        '<label for="name">Name</label>'
        f'<input id="name" name="name" value="{escape(name)}" required maxlength="64" '
        f'autocomplete="username" autocapitalize="none" spellcheck="false"{first}>'
        '<label for="password">Password</label>'
        '<input id="password" name="password" type="password" required maxlength="256" '
        f'autocomplete="current-password"{second}>'
        f"<button>Sign in</button></form>{f'<small>{escape(note)}</small>' if note else ''}"
    )
    return _answer(PRODUCT, content, status, headers)


def refusal(title: str, text: str, status: HTTPStatus, headers: Mapping[str, str] | None = None) -> Response:
    """Say why somebody is not let in."""
    return _answer(title, f"<p>{escape(text)}</p>", status, headers)


def bounce(address: str) -> Response:
    """Lead on from a page of ours: what another site's link asked for comes without the cookie.

    A browser sends a strict cookie only with what a page of the same site asks for; this page is one.
    """
    target = escape(address)
    head = f'<meta http-equiv="refresh" content="0;url={target}">'
    content = f'<p><a href="{target}">Go on</a></p>'
    body = plain_page.page(PRODUCT, content, head=head, narrow=True)
    return HTMLResponse(body, headers=plain_page.headers(_REFERRER))


def leading_to(sign_in: str, onward: str) -> str:
    """The address of the form that leads on to a path."""
    return f"{sign_in}?next={quote(onward, safe='')}"


def is_own_path(path: str) -> bool:
    """Whether a text leads to a page of ours, and not to another host."""
    plain = path.isprintable() and "\\" not in path
    return plain and path.startswith("/") and not path.startswith("//")


def _answer(title: str, content: str, status: HTTPStatus, headers: Mapping[str, str] | None) -> Response:
    body = plain_page.page(title, content, narrow=True)
    return HTMLResponse(body, status, headers={**plain_page.headers(_REFERRER), **(headers or {})})
