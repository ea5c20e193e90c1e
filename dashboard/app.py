"""The app's entry point: page settings, navigation, and the filters shared by all pages."""

import sys
from collections.abc import Callable
from html import escape
from pathlib import Path
from urllib.parse import urlencode, urlsplit

import streamlit as st

ROOT = Path(__file__).resolve().parents[1]
if str(ROOT) not in sys.path:
    # `streamlit run` imports from this file's folder; core and dashboard are one folder up.
    sys.path.insert(0, str(ROOT))

from core.access.permissions import Permission  # noqa: E402 (the path first)
from core.models.calls.languages import fold  # noqa: E402 (the path first)
from core.settings import PRODUCT, get_settings  # noqa: E402 (the path first)
from core.variables.kinds import is_loopback  # noqa: E402 (the path first)
from dashboard import filters, formats, guard, header, in_view, message_order, theme, visitor  # noqa: E402 (the path first)
from dashboard.alerts import rule_editor  # noqa: E402 (the path first)
from dashboard.drilldown import GO_TO  # noqa: E402 (the path first)
from dashboard.queries import cache, call_queries  # noqa: E402 (the path first)
from dashboard.sign_in.addresses import sign_in_path  # noqa: E402 (the path first)
from dashboard.sign_in.door import SignedInOnly  # noqa: E402 (the path first)
from dashboard.sign_in.pages import leading_to  # noqa: E402 (the path first)

OVERVIEW = st.Page(
    ROOT / "pages" / "overview.py", title="Overview", icon=":material/dashboard:", default=True
)
CALLS = st.Page(ROOT / "pages" / "calls.py", title="Calls", icon=":material/call:")
ALERTS = st.Page(ROOT / "pages" / "alerts.py", title="Alerts", icon=":material/notifications_active:")
SYSTEM = st.Page(ROOT / "pages" / "system.py", title="System", icon=":material/monitor_heart:")
COMPLIANCE = st.Page(ROOT / "pages" / "compliance.py", title="Compliance", icon=":material/policy:")
EXPLORE = st.Page(
    ROOT / "pages" / "questions" / "explore.py", title="Explore", icon=":material/travel_explore:"
)
COMPARE = st.Page(
    ROOT / "pages" / "questions" / "compare.py", title="Compare", icon=":material/compare_arrows:"
)
RUNBOOKS = st.Page(ROOT / "pages" / "runbooks.py", title="Runbooks", icon=":material/menu_book:")
SOURCES = st.Page(ROOT / "pages" / "sources.py", title="Sources", icon=":material/input:")
AUDIT = st.Page(ROOT / "pages" / "audit.py", title="Audit", icon=":material/receipt_long:")
LEAD = st.Page(ROOT / "pages" / "lead.py", title="Lead", url_path="lead", visibility="hidden")
NOT_FOUND = st.Page(
    ROOT / "pages" / "not_found.py", title="Page not found", url_path="not-found", visibility="hidden"
)
ALONE = [EXPLORE, COMPLIANCE, SYSTEM, SOURCES, ALERTS, RUNBOOKS, CALLS, LEAD, AUDIT, NOT_FOUND]
"""Pages that do not compare with an earlier period."""
PAGES = [
    OVERVIEW,
    st.Page(ROOT / "pages" / "analytics.py", title="Analytics", icon=":material/query_stats:"),
    st.Page(ROOT / "pages" / "conversion.py", title="Conversion", icon=":material/filter_alt:"),
    st.Page(ROOT / "pages" / "latency.py", title="Latency", icon=":material/speed:"),
    EXPLORE,
    COMPARE,
    COMPLIANCE,
    SYSTEM,
    SOURCES,
    ALERTS,
    RUNBOOKS,
    CALLS,
    LEAD,
    AUDIT,
    NOT_FOUND,
]


def _open() -> list[st.Page]:
    """Return the pages this visitor may open; the others are not in the menu and their links fail."""
    return [page for page in PAGES if page != AUDIT or visitor.may(Permission.SEE_AUDIT)]


def _leads_nowhere() -> bool:
    """Return whether the opened link names no page; Streamlit would show the first page instead."""
    if "opened" in st.session_state:
        return False
    st.session_state["opened"] = True
    path = urlsplit(st.context.url or "").path.strip("/")
    base = str(st.get_option("server.baseUrlPath")).strip("/")
    return path.removeprefix(base).strip("/") not in {page.url_path for page in _open()}


def _known(name: str, query: Callable[[], list[str]]) -> list[str]:
    """Return the stored values of a filter; without the database, at least the link's own value."""
    try:
        known = cache.ask(name, query).value
    except cache.StoreAwayError:
        known = []
    given = [fold(value) if name == "language" else value for value in st.query_params.get_all(name)]
    return known or given


def _unused(page: st.Page) -> tuple[str, ...]:
    """Return the filters that have no effect on a page as it is shown now."""
    link = st.query_params
    if page == AUDIT:
        return (*filters.FILTERS, filters.SWITCH)
    if page == COMPARE:
        by_period = st.session_state.get("versus", link.get("versus")) == "Period"
        return () if by_period else ("compare",)
    if page == ALERTS:
        history = st.session_state.get("view", link.get("view")) == "History"
        return (*filters.FILTERS, filters.SWITCH) if history else ("filters",)
    alone = page in {SOURCES, RUNBOOKS, LEAD, NOT_FOUND} or (
        page == CALLS and (link.get("call_id") or link.get("q"))
    )
    return ("filters",) if alone else ()


def _refusal() -> str:
    """Return why nothing is shown if `streamlit run` would let anyone in: it runs no middleware; else ""."""
    address = st.get_option("server.address")
    if visitor.signs_in():
        if not SignedInOnly.installed:
            return "Sign-in does not work with `streamlit run`. Start the dashboard with: python -m dashboard"
    elif not (address and is_loopback(address)):
        return "Without sign-in the dashboard serves this machine only. Start it with: python -m dashboard"
    if guard.refuses_headers(st.context.headers.to_dict()):
        return (
            "The dashboard does not answer at this address. Set DASHBOARD_PUBLIC_URL to the one people open."
        )
    return ""


def _is_signed_in() -> bool:
    """Return whether the reader is signed in; show who it is, or that they are signed out."""
    if not visitor.signs_in():
        return True
    try:
        found = visitor.find(clicked=True)
    except cache.StoreAwayError as error:
        st.error(formats.plain(str(error)), icon=":material/cloud_off:")
        return False
    if found is None:
        theme.apply_style()
        with st.container(key="signed-out"):
            st.title("Signed out", anchor=False)
            st.markdown(
                "Your session has expired or was ended. Sign in to see this page. "
                "What was typed here and not saved has to be typed again."
            )
            st.html(f'<a href="{escape(leading_to(sign_in_path(), _here()))}">Sign in</a>')
        return False
    with st.sidebar.container(key="visitor"):
        st.caption(f":material/person: {formats.plain(found.name)} \N{MIDDLE DOT} {found.role.label}")
        if get_settings().dashboard_sign_in == "users":
            st.button(
                "Sign out", key="sign-out", icon=":material/logout:", type="tertiary", on_click=visitor.leave
            )
    return True


def _here() -> str:
    """Return the path of the open page, with its choices."""
    path = urlsplit(st.context.url or "").path or "/"
    link = urlencode([(name, value) for name in st.query_params for value in st.query_params.get_all(name)])
    return f"{path}?{link}" if link else path


def main() -> None:
    """Draw the frame and run the selected page.

    Where there is no page to show it returns: after ``st.stop`` the parts of the last page would go on
    renewing themselves, at places that are no longer there.
    """
    st.set_page_config(
        PRODUCT,
        str(ROOT / "dashboard" / "static" / "icon.png"),
        layout="wide",
        initial_sidebar_state="auto",
    )
    theme.watch_charts()
    message_order.keep()
    if refusal := _refusal():
        st.error(refusal)
        return
    if not _is_signed_in():
        return
    call_queries.forget_hidden()
    rule_editor.keep_drafts()
    page = st.navigation(_open())
    if _leads_nowhere():
        st.switch_page(NOT_FOUND)
    call_id = st.query_params.get("call_id") if page == CALLS else None
    in_view.begin(page.title)
    theme.apply_style()
    theme.hide(_unused(page))
    with st.container(
        key="title", horizontal=True, vertical_alignment="center", horizontal_alignment="distribute"
    ):
        st.title(page.title, anchor=False, width="content")
        header.draw(call_id or page.title)
        with st.container(key="redraw"):
            st.button("Redraw", key="redraw-button")
        st.toggle(
            "Pause",
            key="pause",
            help="Stop refreshing this page. Zooming a chart or hiding one of its lines pauses it too.",
        )
    filters.bar(
        _known("language", call_queries.languages),
        _known("campaign", call_queries.campaigns),
        comparing=page not in ALONE,
    )
    if (target := st.session_state.pop(GO_TO, None)) is not None:
        if target.page == "overview":
            st.switch_page(OVERVIEW, query_params=dict(target.facets))
        theme.follow(target.link)
        st.stop()  # a run that ends would take the page's own choices out of the link that Back returns to
    page.run()


main()
