"""Settings for targets of key figures, and for reports that are sent automatically."""

from pathlib import Path

from pydantic import BaseModel, Field

from core.variables.kinds import HandOver, TimeOfDay


class Reporting(BaseModel):
    """Targets and reports."""

    kpi_targets_file: Path | None = Field(
        default=None, description="TOML file with targets, replacing those set on the dashboard"
    )
    report_daily_at: TimeOfDay | None = Field(
        default=None,
        description="Local time to send the previous day's report, such as 09:00",
    )
    report_weekly_on: HandOver | None = Field(
        default=None,
        description="Weekday and time to send the previous week's report, such as mon 09:00",
    )
