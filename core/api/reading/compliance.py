"""``GET /api/v1/analytics/compliance``: the calls of a range of days held against the rules of calling."""

from datetime import date, datetime
from typing import Annotated, Any

from fastapi import APIRouter, Depends, HTTPException, Query, Response
from fastapi.responses import JSONResponse
from pydantic import BaseModel, Field

from core.access.permissions import Permission
from core.access.personal import Naming, lead_names
from core.aggregation.compliance.evidence import evidence
from core.aggregation.compliance.judge import Judged
from core.aggregation.compliance.read import load_compliance
from core.aggregation.search.call_tables import harmless
from core.api.parameters import DayRange, Filters, only_known
from core.api.problems import refusals
from core.api.reading.forms import Form, WantedForm, refuse_file
from core.api.security import Asking, Require
from core.clock import period_of_days
from core.errors import TooMuchError
from core.models.calls.calling_rules import CALLING_RULES
from core.settings import get_settings
from core.storage import get_sync_database
from core.storage.archive.archived_rows import archived_rows
from core.storage.collections import CALLS

MOST_IN_JSON = 1_000
_HTTP_NOT_ACCEPTABLE, _HTTP_UNPROCESSABLE = 406, 422
_ANSWERS: dict[int | str, dict[str, Any]] = {
    200: {"content": {Form.CSV: {"schema": {"type": "string"}}}},
    **refusals(_HTTP_NOT_ACCEPTABLE),
}

router = APIRouter(
    prefix="/api/v1/analytics",
    tags=["analytics"],
    dependencies=[Depends(Require(Permission.READ)), Depends(only_known)],
)


class RuleFindings(BaseModel):
    """What came of one rule."""

    violation: str
    in_force: bool = Field(description="Whether the settings ask for it")
    rule: str = Field(description="What it says now")
    source: str = Field(description="The law or the setting that it comes from")
    calls: int = Field(description="Calls that it is about")
    told: int = Field(description="Of these, those that tell what it asks")
    violations: int


class Violation(BaseModel):
    """One violation; a call has one for each rule that it violates."""

    violation: str
    call_id: str
    lead_id: str | None
    campaign: str | None
    purpose: str | None
    started_at: datetime = Field(description="With the offset of the zone")
    rule: str = Field(description="What the rule said of this call")
    found: str = Field(description="What the call shows")


class ComplianceFindings(BaseModel):
    """The calls of a range of days held against the rules of calling."""

    start_date: date
    end_date: date = Field(description="Included")
    timezone: str
    calls: int
    calls_in_violation: int
    archived: int = Field(description="Calls of these days in the archive, which are not judged")
    rules: list[RuleFindings]
    violations: list[Violation] = Field(description="The newest first")
    more: int = Field(description="Violations that are left out here; as CSV there are all")


@router.get("/compliance", response_model=ComplianceFindings, responses=_ANSWERS)
def compliance(
    form: WantedForm,
    days: DayRange,
    filters: Filters,
    key: Asking,
    limit: Annotated[int, Query(ge=1, le=MOST_IN_JSON, description="Violations of the list in JSON")] = 100,
) -> Response:
    """Which calls of a range of days violate a rule of calling, and how many tell what the rules ask.

    With ``Accept: text/csv`` every violation is a line of evidence: the call, the rule and its source, the
    time with its zone.
    """
    if form is Form.PARQUET:
        raise HTTPException(_HTTP_NOT_ACCEPTABLE, f"Accept has none of {Form.JSON}, {Form.CSV}")
    refuse_file(form, key)
    database, period = get_sync_database(), period_of_days(*days)
    naming = str if Permission.SEE_PERSONAL in key.may else lead_names(database)
    try:
        judged = load_compliance(database, *period, filters)
    except TooMuchError as error:
        raise HTTPException(_HTTP_UNPROCESSABLE, str(error)) from None
    headers = {"Vary": "Accept"}
    if form is Form.CSV:
        name = f'attachment; filename="compliance_{days[0]}_{days[1]}.csv"'
        content: str = evidence(judged).map(harmless).to_csv(index=False)
        headers |= {"Content-Disposition": name}
        return Response(content, headers=headers, media_type=f"{Form.CSV}; charset=utf-8")
    answer = ComplianceFindings(
        start_date=days[0],
        end_date=days[1],
        timezone=get_settings().timezone,
        calls=judged.calls,
        calls_in_violation=judged.calls_in_violation,
        archived=archived_rows(database, CALLS, *period),
        rules=_rules(judged),
        violations=_violations(judged, limit, naming),
        more=max(0, len(judged.listed) - limit),
    )
    return JSONResponse(answer.model_dump(mode="json"), headers=headers)


def _rules(judged: Judged) -> list[RuleFindings]:
    return [
        RuleFindings(
            violation=one.key,
            in_force=one.in_force,
            rule=one.rule,
            source=CALLING_RULES[one.key].source,
            calls=one.calls,
            told=one.told,
            violations=one.violations,
        )
        for one in judged.rules
    ]


def _violations(judged: Judged, limit: int, naming: Naming) -> list[Violation]:
    zone = get_settings().tz
    return [
        Violation(
            violation=row["kind"],
            call_id=row["call_id"],
            lead_id=naming(row["lead_id"]) if row["lead_id"] else None,
            campaign=row["campaign"] or None,
            purpose=row["purpose"] or None,
            started_at=row["start_time"].tz_convert(zone).to_pydatetime(),
            rule=row["rule"],
            found=row["found"],
        )
        for row in judged.listed.head(limit).to_dict("records")
    ]
