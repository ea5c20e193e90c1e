"""The saved views of Explore: named links, which those with permission can save, rename and delete."""

from urllib.parse import urlencode

import streamlit as st

from core.access.audit import Action
from core.access.permissions import Permission
from core.storage import get_sync_database
from core.storage.saved_views import SavedView, delete_view, rename_view, save_view
from dashboard import filters, formats, visitor
from dashboard.alerts.actions import WHO, attempt, who
from dashboard.queries import cache, explore_queries

OWN = ("measure", "statistic", "split", "only")
"""URL parameters of the page itself."""


def link_now() -> dict[str, list[str]]:
    """Return the page's URL parameters: its choices, period and filters."""
    return {
        name: st.query_params.get_all(name) for name in (*OWN, *filters.GLOBAL) if name in st.query_params
    }


def saved_views_button() -> None:
    """Show a button that opens the saved views and the form to save this one."""
    with st.popover(
        "Saved views", icon=":material/bookmarks:", key="saved-views", on_change="rerun"
    ) as opened:
        if not opened.open:
            return
        known = cache.ask("views", explore_queries.views).value
        if not known:
            st.caption(
                "No saved views yet. A saved view is a named link, shared with everyone who sees this page."
            )
        for view in known:
            _listed(view)
        if visitor.may(Permission.SAVE_VIEWS):
            _form()


def _listed(view: SavedView) -> None:
    with st.container(horizontal=True, vertical_alignment="center"):
        address = f"explore?{urlencode(view.link, doseq=True)}"
        st.markdown(f"[{formats.plain(view.name)}]({address})", width="stretch")
        st.caption(f"by {formats.plain(view.made_by)}, {formats.day(view.made_at.date())}")
    if not visitor.may(Permission.SAVE_VIEWS):
        return
    with st.expander("Rename or delete", key=f"view-{view.id}"):
        key = f"view-name-{view.id}"
        st.text_input("New name", value=view.name, max_chars=80, key=key)
        with st.container(horizontal=True):
            st.button("Rename", key=f"rename-{view.id}", on_click=rename, args=(view.id, key))
            st.button("Delete", key=f"delete-{view.id}", on_click=delete, args=(view.id, view.name))


def _form() -> None:
    with st.form("save-view", border=False):
        st.text_input("Save this view as", max_chars=80, key="view-name", required=True)
        who("view-who")
        st.form_submit_button("Save", type="primary", on_click=save)


def save() -> None:
    """Callback: save the current view under the entered name."""
    name, link = str(st.session_state.get("view-name") or ""), link_now()
    typed = str(st.session_state.get("view-who") or "").strip() or "somebody"
    st.session_state[WHO] = typed
    attempt(
        Permission.SAVE_VIEWS,
        lambda by: save_view(get_sync_database(), name, link, by).id,
        f"Saved as {name}",
        Action.VIEW_SAVED,
        typed=typed,
    )


def rename(view_id: str, key: str) -> None:
    """Callback: rename a view to the entered name."""
    name = str(st.session_state.get(key) or "")
    attempt(
        Permission.SAVE_VIEWS,
        lambda _by: rename_view(get_sync_database(), view_id, name),
        f"Renamed to {name}",
        Action.VIEW_SAVED,
        view_id,
    )


def delete(view_id: str, name: str) -> None:
    """Callback: delete a view."""
    attempt(
        Permission.SAVE_VIEWS,
        lambda _by: delete_view(get_sync_database(), view_id),
        f"{name} deleted",
        Action.VIEW_DELETED,
        view_id,
    )
