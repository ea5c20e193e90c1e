"""Parameters that narrow a list of calls beyond the filters that all figures accept."""

from collections.abc import Mapping
from inspect import Parameter, Signature
from typing import Annotated, Literal

from fastapi import Depends, Query
from pydantic import AfterValidator

from core.aggregation.search.call_conditions import RANGED, CallConditions
from core.aggregation.search.call_search import with_phone
from core.api.parameters import SAID, Flag, refused
from core.models.calls.endings import ENDINGS
from core.models.calls.parts import HangupBy
from core.models.definitions import METRICS
from core.models.figures import UNITS
from core.privacy.sensitive import phone_index
from core.storage import get_sync_database
from core.types import Document

_LEAST, _MOST = "min_", "max_"
_FURTHEST = 1e9


def _known_ending(value: str) -> str:
    if value not in ENDINGS:
        raise ValueError(f"is not an ending; use {', '.join(ENDINGS)}")
    return value


_ENDING = {"enum": [*ENDINGS]}
Text = Annotated[str | None, Query(max_length=256, json_schema_extra=SAID)]
Ending = Annotated[
    Annotated[str, AfterValidator(_known_ending)] | None,
    Query(description="How the call ended", json_schema_extra=_ENDING),
]
Stage = Literal["answered", "engaged", "qualified", "handed_off"]
Whose = Literal["customer", "agent", "provider", "carrier", "unknown"]


class Ranges:
    """``min_…`` and ``max_…`` of every number by which calls can be filtered; both ends are included."""

    __signature__ = Signature(
        [
            Parameter(
                f"{end}{name}",
                Parameter.KEYWORD_ONLY,
                default=None,
                annotation=Annotated[
                    float | None,
                    Query(
                        ge=-_FURTHEST,
                        le=_FURTHEST,
                        allow_inf_nan=False,
                        description=f"{METRICS[name].label}, {word}, in {UNITS[METRICS[name].unit]}",
                    ),
                ],
            )
            for name in RANGED
            for end, word in ((_LEAST, "at least"), (_MOST, "at most"))
        ]
    )

    def __call__(self, **given: float | None) -> Mapping[str, float]:
        """Return the given limits, by parameter.

        Raises:
            RequestValidationError: a minimum exceeds its maximum.
        """
        found = {name: value for name, value in given.items() if value is not None}
        for name in RANGED:
            least, most = found.get(_LEAST + name), found.get(_MOST + name)
            if least is not None and most is not None and least > most:
                raise refused(f"{_LEAST}{name}", f"{least:g} is above {_MOST}{name} {most:g}")
        return found


def call_conditions(
    ranges: Annotated[Mapping[str, float], Depends(Ranges())],
    lead_id: Text = None,
    agent: Text = None,
    agent_version: Text = None,
    purpose: Text = None,
    qualification: Text = None,
    provider_call_id: Text = None,
    hangup_by: HangupBy | None = None,
    qualification_completed: Flag | None = None,
    handoff_triggered: Flag | None = None,
    stage: Annotated[Stage | None, Query(description="Stage of the funnel that it reached")] = None,
    error: Annotated[
        str | None,
        Query(max_length=160, description="Type of an error; any: with errors", json_schema_extra=SAID),
    ] = None,
    end_reason: Ending = None,
    fault: Annotated[
        Whose | None, Query(description="Of the error where one is given, else of the end")
    ] = None,
    attempt: Annotated[int | None, Query(ge=1, le=1_000_000)] = None,
) -> CallConditions:
    """Return the conditions beyond direction, status, language and campaign; one left out matches all."""
    exact: dict[str, str | bool | None] = {
        "agent": agent,
        "agent_version": agent_version,
        "purpose": purpose,
        "qualification": qualification,
        "provider_call_id": provider_call_id,
        "hangup_by": hangup_by and str(hangup_by),
        "qualification_completed": qualification_completed,
        "handoff_triggered": handoff_triggered,
    }
    of_phone = _of_phone(lead_id) if lead_id else {}
    return CallConditions(
        lead_id=None if of_phone else lead_id,
        found=of_phone,
        stage=stage,
        error=error,
        end_reason=end_reason,
        fault=fault,
        attempt=attempt,
        exact={name: value for name, value in exact.items() if value is not None},
        least=_ends(ranges, _LEAST),
        most=_ends(ranges, _MOST),
    )


def _of_phone(lead_id: str) -> Document:
    """Return the calls that have a phone; none if it is not one, or BLIND_INDEX_KEY is not set."""
    return {} if phone_index(lead_id) is None else with_phone(get_sync_database(), lead_id) or {}


def _ends(ranges: Mapping[str, float], end: str) -> dict[str, float]:
    return {name.removeprefix(end): value for name, value in ranges.items() if name.startswith(end)}


Conditions = Annotated[CallConditions, Depends(call_conditions)]
