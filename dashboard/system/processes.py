"""The panel of System with the recording processes, and which of them are silent."""

from datetime import datetime, tzinfo

import pandas as pd

from core.health import SystemHealth
from core.storage.recording.processes import ProcessHealth
from dashboard import formats
from dashboard.panels.panel import Panel, fails_alone

KEY, TITLE = "processes", "Recording processes"


@fails_alone("Processes")
def panel(health: SystemHealth, zone: tzinfo) -> Panel:
    """Return each process with its queues and drops; silent ones say since when."""
    found = health.processes
    if not found:
        why = "None in the last day. A process appears a few seconds after it records its first call."
        return Panel(KEY, TITLE, why)
    silent = [one for one in found if one.is_silent(health.now)]
    dropped = sum(one.log_dropped for one in found)
    words = f"{len(silent)} silent: killed, or cut off from the database" if silent else "none silent"
    rows = [_row(one, health.now, zone) for one in found]
    return Panel(
        KEY,
        TITLE,
        f"Processes: {len(found)} · {words} · {dropped:,} log lines dropped · each reports once a minute",
        table=pd.DataFrame([one.model_dump() for one in found]),
        page=pd.DataFrame(rows),
    )


def _row(one: ProcessHealth, now: datetime, zone: tzinfo) -> dict[str, str]:
    apart = f" · {one.dead:,} set aside" if one.dead else ""
    lost = f" · {one.lost:,} lost" if one.lost else ""
    lost += f" · {one.withheld:,} personal values not stored" if one.withheld else ""
    return {
        "Process": f"{formats.plain(one.component)} on {formats.plain(one.host)}, {one.pid}",
        "Last heard": _sign(one, now, zone),
        "Record queue": f"{one.records_waiting:,}",
        "Spool": f"{one.spooled:,}{apart}{lost}",
        "Log queue": f"{one.log_waiting:,}",
        "Log drops": f"{one.log_dropped:,}",
    }


def _sign(one: ProcessHealth, now: datetime, zone: tzinfo) -> str:
    if one.is_silent(now):
        since = formats.clock(one.seen_at, zone, now)
        return f":orange[:material/warning:] silent since {since}"
    return formats.ago(now - one.seen_at)
