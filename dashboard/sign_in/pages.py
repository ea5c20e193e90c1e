"""The sign-in pages: the form, and refusals."""

from collections.abc import Mapping
from html import escape
from http import HTTPStatus
from urllib.parse import quote

from starlette.responses import HTMLResponse, Response

from core.access import plain_page
from core.settings import PRODUCT

# With no-referrer, browsers would omit the Origin from the form's own request.
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
    """Return the form for name and password.

    Args:
        action: path to post the form to.
        onward: path to go to afterwards.
        name: the name entered before.
        problem: why the form is shown again.
        note: additional text.
        status: of the response.
        headers: additional ones of the response.
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
    """Return a page that says why access is denied."""
    return _answer(title, f"<p>{escape(text)}</p>", status, headers)


def bounce(address: str) -> Response:
    """Return a page of ours that immediately opens the address.

    Browsers send a strict cookie only with requests from the same site, not when following a foreign link.
    """
    target = escape(address)
    head = f'<meta http-equiv="refresh" content="0;url={target}">'
    content = f'<p><a href="{target}">Continue</a></p>'
    body = plain_page.page(PRODUCT, content, head=head, narrow=True)
    return HTMLResponse(body, headers=plain_page.headers(_REFERRER))


def leading_to(sign_in: str, onward: str) -> str:
    """Return the address of the form that continues to a path."""
    return f"{sign_in}?next={quote(onward, safe='')}"


def is_own_path(path: str) -> bool:
    """Return whether a text is a path of ours rather than another host."""
    plain = path.isprintable() and "\\" not in path
    return plain and path.startswith("/") and not path.startswith("//")


def _answer(title: str, content: str, status: HTTPStatus, headers: Mapping[str, str] | None) -> Response:
    body = plain_page.page(title, content, narrow=True)
    return HTMLResponse(body, status, headers={**plain_page.headers(_REFERRER), **(headers or {})})
