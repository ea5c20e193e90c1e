"""Settings for targets of key figures, and for reports that are sent automatically."""

from pathlib import Path

from pydantic import BaseModel, Field

from core.variables.kinds import HAND_OVER, TIME_OF_DAY


class Reporting(BaseModel):
    """Targets and reports."""

    kpi_targets_file: Path | None = Field(
        default=None, description="TOML file with targets of key figures, instead of those set on the screen"
    )
    report_daily_at: str | None = Field(
        default=None,
        pattern=TIME_OF_DAY,
        description="Local time at which the report of the day before is sent: 09:00; none by default",
    )
    report_weekly_on: str | None = Field(
        default=None,
        pattern=HAND_OVER,
        description="Weekday and time at which the report of the week before is sent: mon 09:00",
    )
