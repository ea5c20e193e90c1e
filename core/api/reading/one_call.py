"""``GET /api/v1/analytics/calls/{call_id}``: one call, its turns, and how it ended as a sentence."""

from typing import Annotated

from fastapi import APIRouter, Depends, HTTPException, Path, Response
from fastapi.responses import JSONResponse
from pydantic import BaseModel, Field

from core.access.permissions import Permission
from core.access.personal import hidden, lead_names
from core.access.transcripts import with_masked_words
from core.aggregation.one_call.ending import how_it_ended
from core.aggregation.search.call_detail import find_call
from core.api.parameters import only_known
from core.api.problems import refusals
from core.api.security import Asking, Require
from core.models.metrics import CallMetrics, TurnMetrics
from core.storage import get_sync_database
from core.storage.archive.archived_rows import ArchiveUnreadableError

router = APIRouter(
    prefix="/api/v1/analytics",
    tags=["analytics"],
    dependencies=[Depends(Require(Permission.READ)), Depends(only_known)],
)


class CallDetail(BaseModel):
    """One call and its turns."""

    call: CallMetrics
    how_it_ended: str = Field(description="A sentence: The lead hung up after 4.6 s of silence in turn 9")
    archived: bool = Field(description="It is in the archive, and no longer in the database")
    turns: list[TurnMetrics] = Field(
        description="In order, 500 at most; the transcript with personal data masked"
    )


@router.get("/calls/{call_id:path}", response_model=CallDetail, responses=refusals(404, 409))
def one_call(call_id: Annotated[str, Path(min_length=1, max_length=256)], key: Asking) -> Response:
    """One call by its id, archived or not, with its turns and how it ended."""
    database = get_sync_database()
    try:
        found = find_call(database, call_id)
    except ArchiveUnreadableError:
        raise
    except ValueError as error:
        raise HTTPException(409, str(error)) from None
    if found is None:
        raise HTTPException(404, "no such call is stored, nor in the archive")
    call = found.call
    if Permission.SEE_PERSONAL not in key.may:
        call = hidden(call, lead_names(database))
    answer = CallDetail(
        call=call,
        how_it_ended=how_it_ended(call, found.turns),
        archived=found.archived,
        turns=with_masked_words(database, found.turns, found.call.metadata),
    )
    return JSONResponse(answer.model_dump(mode="json"))
