"""A panel: title, headline, chart, and its table with CSV."""

import re
from base64 import b64decode
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial, wraps
from itertools import chain, count
from typing import Any, ParamSpec

import numpy as np
import pandas as pd
import plotly.graph_objects as go
import streamlit as st
from pymongo.errors import PyMongoError

from core.access.audit import Action
from core.logging_config import get_logger
from dashboard import audited, formats, in_view
from dashboard.charts.time_series import HEIGHT, WEEKDAYS
from dashboard.drilldown import Drilldown, follow
from dashboard.panels.point_links import link_list

_TOOLS = {
    "displaylogo": False,
    "displayModeBar": "hover",
    "modeBarButtons": [["zoom2d", "pan2d", "resetScale2d", "toImage"]],
}

NOT_MADE = "This cannot be shown: the dashboard's log says why. The rest of the page is not affected."
logger = get_logger("dashboard")

_FROM = "From"
_IN_TIMES = re.compile(r"(?<=\d):(?=\d)")


def _unpacked(value: Any) -> Any:  # noqa: ANN401 (any part of a figure)
    """Return a figure's dictionary with lists in place of base64 arrays."""
    if isinstance(value, dict):
        if "bdata" in value:
            array = np.frombuffer(b64decode(value["bdata"]), value["dtype"])
            shape = value.get("shape")
            return (array.reshape([int(size) for size in shape.split(",")]) if shape else array).tolist()
        return {key: _unpacked(part) for key, part in value.items()}
    return [_unpacked(part) for part in value] if isinstance(value, list | tuple) else value


class Finished(go.Figure):  # type: ignore[misc]  # plotly has no types
    """A figure that no longer changes, serialized once instead of for every reader and run."""

    def __init__(self, figure: go.Figure, *, clickable: bool) -> None:
        super().__init__()
        # Streamlit first draws the figure, then hands plotly.js a copy with clicks enabled. If that changes
        # nothing it is not redrawn, but plotly.js cannot compare packed data or templates.
        self._ready: dict[str, Any] = _unpacked(figure.to_dict())
        layout = self._ready["layout"]
        layout.pop("template", None)
        layout["datarevision"] = 1
        if clickable:
            self._ready["layout"] = {
                "hovermode": "closest",
                **layout,
                "clickmode": "event+select",
                "dragmode": "pan",
            }

    def to_dict(self) -> dict[str, Any]:
        """Return what the browser gets; shared, so do not change it."""
        return self._ready


@dataclass(frozen=True)
class Panel:
    """A panel's content: ``caption`` says what to see, with n, or why there is nothing to draw.

    ``page`` is a Markdown table shown instead of a figure; ``drilldown`` finds the calls behind a point.
    """

    key: str
    title: str
    caption: str
    figure: go.Figure | None = None
    table: pd.DataFrame | None = None
    page: pd.DataFrame | None = None
    drilldown: Drilldown | None = None

    def __post_init__(self) -> None:
        """Replace the figure by its serialized form, whose many objects would slow the collector down."""
        if self.figure is not None:
            object.__setattr__(self, "figure", Finished(self.figure, clickable=self.drilldown is not None))

    @property
    def pixels(self) -> int:
        """Return the height of the figure."""
        layout = self.figure.to_dict()["layout"] if self.figure is not None else {}
        return int(layout.get("height", HEIGHT))

    def links(self) -> str:
        """Return links to the calls behind each point as an HTML list; "" if there are none."""
        if self.figure is None or self.drilldown is None:
            return ""
        return link_list(self.figure.to_dict(), self.drilldown)


Made = ParamSpec("Made")


def fails_alone(title: str) -> Callable[[Callable[Made, Panel]], Callable[Made, Panel]]:
    """Let a panel that cannot be made leave the rest of its page: it says so, and the log says why.

    Args:
        title: what the panel is called then.
    """

    def guarded(make: Callable[Made, Panel]) -> Callable[Made, Panel]:
        @wraps(make)
        def made(*args: Made.args, **kwargs: Made.kwargs) -> Panel:
            try:
                return make(*args, **kwargs)
            except PyMongoError:
                raise  # the page says that the database does not answer
            except Exception:
                logger.exception("A panel cannot be shown", extra={"panel": title})
                # Of a panel that a page has several times, the words tell which it is.
                words = [arg for arg in args if isinstance(arg, str)]
                return Panel("-".join(["not-made", title, *words]), title, NOT_MADE)

        return made

    return guarded


def show(panel: Panel, later: str = "") -> None:
    """Draw a panel, at the same height with and without data.

    Args:
        panel: what to draw.
        later: the part of the page that was never near (:func:`in_view.part`): keep the chart's place only.
    """
    with st.container(border=True, key=f"chart-{panel.key}", height="stretch", gap="xxsmall"):
        with st.container(horizontal=True, vertical_alignment="center", wrap=False):
            st.markdown(f"## {panel.title}", width="stretch")
            if panel.table is not None:
                table_behind(panel.key, panel.table, panel.links)
        if panel.page is not None:
            st.caption(panel.caption)
            page_table(panel.page)
        elif panel.figure is None:
            with st.container(height=HEIGHT, border=False, vertical_alignment="center"):
                st.caption(panel.caption, text_alignment="center")
        else:
            st.caption(panel.caption)
            if later:
                in_view.place(later, panel.key, panel.title, panel.pixels)
            else:
                _draw_chart(panel)


def _draw_chart(panel: Panel) -> None:
    key = f"plot-{panel.key}"
    # Without a theme, Streamlit keeps our colours.
    st.plotly_chart(
        panel.figure,
        theme=None,
        key=key,
        on_select=partial(follow, panel.drilldown, key) if panel.drilldown else "ignore",
        selection_mode="points",
        config=_TOOLS,
        alt=f"{panel.title}. {panel.caption}",
    )


def page_table(rows: pd.DataFrame) -> None:
    """Show a table whose cells are Markdown.

    As a single element: ``st.table`` makes one per cell, which slows a page switch by 40 ms.
    """
    lines = [rows.columns, ["---"] * len(rows.columns), *rows.to_numpy()]
    text = "\n".join(f"| {' | '.join(map(str, line))} |" for line in lines)
    # After one time such as 18:32:05, Streamlit makes emoji of any words between colons.
    st.markdown(_IN_TIMES.sub(r"\:", text))


def table_behind(key: str, table: pd.DataFrame, links: Callable[[], str] = str) -> None:
    """Show a button that opens a table, with its CSV and ``links`` (HTML) to the calls behind it."""
    # Built and sent only while open, because a page has ten of them.
    with st.popover(
        "Table",
        type="tertiary",
        icon=":material/table_rows:",
        width="content",
        key=f"table-{key}",
        on_change="rerun",
    ) as opened:
        if not opened.open:
            return
        st.dataframe(table, width="content", height=320, hide_index=True)
        csv_button(key, formats.to_csv(table))
        if points := links():
            st.caption("The calls behind each point")
            st.html(points)


_MARK = "\ufeff"


def csv_button(
    key: str,
    csv: str | Callable[[], str],
    tip: str | None = None,
    allowed: Callable[[], object] | None = None,
    **about: object,
) -> None:
    """Show a button that downloads ``key``.csv, and log the download to the audit log with ``about``.

    ``allowed`` raises if the reader may no longer have the file.

    A callable ``csv`` is only built when the button is pressed, and a refresh at that moment loses the
    press; pass short files as text.

    The file begins with a byte order mark, without which Excel does not read it as UTF-8 and garbles Hindi.
    """
    noted = audited.noting(Action.EXPORTED, key, **about)

    def made() -> str:
        if allowed is not None:
            allowed()
        noted()
        return _MARK + (csv() if callable(csv) else csv)

    st.download_button(
        "Download CSV",
        made if callable(csv) else _MARK + csv,
        file_name=f"{key}.csv",
        mime="text/csv",
        on_click="ignore" if callable(csv) else noted,
        icon=":material/download:",
        type="tertiary",
        help=tip,
        key=f"csv-{key}",
    )


def grid(panels: Sequence[Panel], columns: int = 2, *, later: bool = False) -> None:
    """Draw panels in rows of ``columns``; on a narrow screen, one below the other.

    Args:
        panels: what to draw.
        columns: how many stand side by side.
        later: draw their charts only once the reader comes near.
    """
    for first in range(0, len(panels), columns):
        row = panels[first : first + columns]
        if later:
            in_view.part(row[0].key, partial(_row, row, columns))
        else:
            _row(row, columns)


def _row(panels: Sequence[Panel], columns: int, later: str = "") -> None:
    for column, panel in zip(st.columns(columns), panels, strict=False):
        with column:
            show(panel, later)


def hours_table(columns: dict[str, pd.DataFrame]) -> pd.DataFrame:
    """Return frames of weekday by hour as one table with a row per hour of the week."""
    first = next(iter(columns.values()))
    table = pd.DataFrame(
        {
            "Weekday": np.repeat(list(WEEKDAYS), first.shape[1]),
            "Hour": [f"{hour:02d}:00" for hour in first.columns] * len(first),
        }
    )
    return table.assign(**{name: frame.to_numpy().ravel() for name, frame in columns.items()})


def _told_apart(names: Sequence[str], taken: set[str]) -> list[str]:
    """Return headings of which no two are equal, as campaigns may be named like another column."""
    found: list[str] = []
    for name in names:
        free = (f"{name} ({number})" for number in count(2))
        found.append(next(one for one in chain([name], free) if one not in {*found, *taken}))
    return found


def timed(frame: pd.DataFrame, labels: dict[str, str], scale: float = 1.0, digits: int = 0) -> pd.DataFrame:
    """Return a frame of buckets as a table: local start of the bucket, then the named columns."""
    columns = [name for name in labels if name in frame]
    table = (frame[columns] * scale).round(digits)
    table.columns = pd.Index(_told_apart([labels[name] for name in columns], {_FROM}))
    starts = pd.DatetimeIndex(frame.index)
    table.insert(0, _FROM, [moment.isoformat(timespec="minutes") for moment in starts])
    return table.reset_index(drop=True)
