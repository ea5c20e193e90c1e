"""What was moved out of the database: the catalogue of archived files."""

from datetime import datetime
from typing import Literal

from pydantic import BaseModel, Field

ARCHIVE_SCHEMA_VERSION = 1
Archived = Literal["calls", "turns"]


class ArchivePart(BaseModel):
    """A Parquet file of one local day's records; its row in ``archives`` is what makes it count."""

    id: str = Field(description="The same for as long as the file's rows are archived")
    collection: Archived
    day: str = Field(description="Local day of the records' start, 2026-01-31")
    zone: str = Field(description="Whose day: TIMEZONE when it was written")
    first: datetime = Field(description="Earliest start_time in it")
    last: datetime = Field(description="Latest start_time in it")
    file: str = Field(description="Path below DATA_DIR/archive/DATABASE")
    rows: int = Field(ge=1)
    bytes: int = Field(ge=1)
    sha256: str
    written_at: datetime
    opt_outs_noted: bool = Field(
        default=False,
        description="Leads that asked in these calls not to be called again are in ``opt_outs``",
    )
    schema_version: int = ARCHIVE_SCHEMA_VERSION
