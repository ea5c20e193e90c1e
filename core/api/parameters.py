"""Parameters that all endpoints share: days and filters."""

from datetime import date
from difflib import get_close_matches
from typing import Annotated

from fastapi import Depends, Path, Query, Request
from fastapi.dependencies.models import Dependant
from fastapi.exceptions import RequestValidationError
from fastapi.routing import APIRoute
from pydantic import BeforeValidator
from pymongo.database import Database

from core.aggregation.activity import oldest_call_start
from core.aggregation.rollups.call_frames import CallFilters
from core.clock import YEARS, local_today, parse_date
from core.errors import UserError
from core.models.calls.languages import fold
from core.models.metrics import CallStatus, Direction
from core.settings import get_settings
from core.storage import get_sync_database
from core.storage.collections import ARCHIVES, CALLS
from core.types import Document

MAX_DAYS = 1_100
SAID = {"minLength": 1, "pattern": r"\S"}
"""For a text's schema: ``only_known`` refuses an empty one."""


_MOST_NAMED = 50
"""Most parameters of a request that are examined; no path accepts more."""


def _strict_date(value: object) -> object:
    try:
        return parse_date(value) if isinstance(value, str) else value
    except UserError as error:
        raise ValueError(str(error)) from None


def _strict_flag(value: object) -> object:
    if isinstance(value, str) and value not in {"true", "false"}:
        raise ValueError("is neither true nor false")
    return value == "true" if isinstance(value, str) else value


Flag = Annotated[bool, BeforeValidator(_strict_flag)]
_DATE = {"format": "date", "pattern": rf"^({YEARS})-\d\d-\d\d$"}
Day = Annotated[date, BeforeValidator(_strict_date)]
PathDay = Annotated[
    Day, Path(description="Day in TIMEZONE, YYYY-MM-DD", examples=["2024-10-24"], json_schema_extra=_DATE)
]
FirstDay = Annotated[Day, Query(description="First day in TIMEZONE, YYYY-MM-DD", json_schema_extra=_DATE)]
LastDay = Annotated[
    Day | None,
    Query(description="Last day in TIMEZONE, included; today when left out", json_schema_extra=_DATE),
]


def day_range(start_date: FirstDay, end_date: LastDay = None) -> tuple[date, date]:
    """Return first and last day of a request, both inclusive."""
    today = local_today()
    last = end_date or today
    if start_date > today:
        raise _to_come("start_date", start_date)
    if last < start_date:
        raise refused("end_date", f"{last} is before start_date {start_date}")
    if (last - start_date).days >= MAX_DAYS:
        raise refused("start_date", f"at most {MAX_DAYS} days at once; ask for a shorter range")
    if last > today:
        raise _to_come("end_date", last)
    return start_date, last


def day_until_today(day: PathDay) -> date:
    """Return a day that has begun."""
    if day > local_today():
        raise _to_come("day", day, "path")
    return day


def _to_come(name: str, day: date, place: str = "query") -> RequestValidationError:
    today, zone = local_today(), get_settings().timezone
    return refused(name, f"{day} is yet to come; in {zone} it is {today}", place)


def refused(name: str, text: str, place: str = "query") -> RequestValidationError:
    """Return the error to raise for one parameter that is wrong: people read its name, programs its place."""
    return RequestValidationError([_problem(name, text, place)])


def day_with_calls(day: Annotated[date, Depends(day_until_today)]) -> date:
    """Return a day that may have calls: from the first call's to today."""
    first = first_day(get_sync_database())
    if first is None or day < first:
        since = f"the first is of {first}" if first else "there are none"
        raise refused("day", f"no calls are stored of {day}; {since}", "path")
    return day


def first_day(database: Database[Document]) -> date | None:
    """Return the local day of the earliest call, stored or archived; None without any."""
    stored = oldest_call_start(database)
    archived = database[ARCHIVES].find_one({"collection": CALLS}, {"first": 1}, sort=[("first", 1)])
    starts = [start for start in (stored, archived["first"] if archived else None) if start]
    return min(starts).astimezone(get_settings().tz).date() if starts else None


def call_filters(
    direction: Direction | None = None,
    status: CallStatus | None = None,
    language: Annotated[str | None, Query(max_length=32, json_schema_extra=SAID)] = None,
    campaign: Annotated[str | None, Query(max_length=128, json_schema_extra=SAID)] = None,
) -> CallFilters:
    """Return the filters; one that is left out matches all calls."""
    return CallFilters(direction, fold(language) if language else None, status, campaign)


async def only_known(request: Request) -> None:
    """Refuse parameters that the path does not accept, that occur twice, or are empty.

    An answer that looks filtered but is not would mislead.

    Raises:
        RequestValidationError: it lists each of them.
    """
    route = request.scope["route"]
    known = _names(route.dependant) if isinstance(route, APIRoute) else []
    given = request.query_params.multi_items()
    problems = []
    for name in [*dict(given)][:_MOST_NAMED]:
        values = [value for other, value in given if other == name]
        if name not in known:
            problems.append(_problem(name, f"is no parameter of this path; {_hint(name, known)}"))
        elif len(values) > 1:
            problems.append(_problem(name, "is given more than once"))
        elif not values[0].strip():
            problems.append(_problem(name, "is empty; leave it out, or give it a value"))
    if problems:
        raise RequestValidationError(problems)


def _hint(name: str, known: list[str]) -> str:
    if not known:
        return "there are none"
    near = get_close_matches(name.strip().lower(), known, 1)
    meant = f"did you mean {near[0]}? " if near else ""
    return f"{meant}use {', '.join(known)}"


def _names(dependant: Dependant) -> list[str]:
    own = [str(field.alias) for field in dependant.query_params]
    return own + [name for other in dependant.dependencies for name in _names(other)]


def _problem(name: str, text: str, place: str = "query") -> dict[str, object]:
    return {"type": "parameter", "loc": (place, name), "msg": text}


DayRange = Annotated[tuple[date, date], Depends(day_range)]
DayUntilToday = Annotated[date, Depends(day_until_today)]
DayWithCalls = Annotated[date, Depends(day_with_calls)]
Filters = Annotated[CallFilters, Depends(call_filters)]
