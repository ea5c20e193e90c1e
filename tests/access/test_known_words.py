"""What a call's metadata tells of the lead is masked wherever it is said."""

import asyncio

import pytest
from pymongo.database import Database

from core.access.known_words import KnownWords
from core.access.transcripts import masked_transcript
from core.models.metrics import TurnMetrics
from core.privacy.sensitive import WITHHELD
from core.storage.recording.records import Record
from core.storage.recording.write import write
from core.types import Document
from tests.storage.recording.test_recorder import call, record
from tests.storage.sealing.test_sealing import OLD, stored, use

PERSON = {
    "name": "Meera Pillai",
    "address": "7, Mango Lane,\nPune",
    "dob": "1987-01-02",
    "father": {"name": "Raman"},
    "phone": "97011 55238",
}
KNOWN = {
    "metadata.name": "Meera Pillai",
    "metadata.address": "7, Mango Lane,\nPune",
    "metadata.dob": "1987-01-02",
    "metadata.contact_names": ["Ravi", "Asha Rao"],
}


@pytest.mark.parametrize(
    ("said", "masked"),
    [
        ("well meera pillai lives there", "well [name] lives there"),
        ("ask MEERA or Mrs. Pillai", "ask [name] or Mrs. [name]"),
        ("at 7 mango lane pune, yes", "at [address], yes"),
        ("born 1987-01-02", "born [personal]"),
        ("ravi and asha know", "[name] and [name] know"),
        ("chameera and pillais", "chameera and pillais"),
    ],
)
def test_it_is_found_in_any_case_and_as_whole_words(said: str, masked: str) -> None:
    assert KnownWords(KNOWN).masked(said) == masked


def test_words_that_are_no_name_and_values_that_were_not_stored_are_not_looked_for() -> None:
    known = KnownWords(
        {"metadata.name": "Home Loan Customer", "metadata.address": WITHHELD, "metadata.dob": "1"}
    )
    said = "the loan of a customer (not stored: no encryption key) 1"
    assert known.masked(said) == said


def test_masking_knows_who_the_lead_is(database: Database[Document], monkeypatch: pytest.MonkeyPatch) -> None:
    """Though name and address lie encrypted; a number keeps its last digits."""
    use(monkeypatch, OLD)
    asyncio.run(record(call(lead_id="lead_1", metadata=PERSON)))
    turn = TurnMetrics(
        call_id="call_1", turn=1, transcript="I am Meera of 7 Mango Lane, Pune, son of raman, 9701155238"
    )
    write(database, [Record.now(turn)])
    (row,) = database["turns"].find()
    turns = [turn.model_copy(update={"transcript": row["transcript"]})]
    (said,) = masked_transcript(database, turns, stored(database)["metadata"]).said[1]
    assert said.words == "I am [name] of [address], son of [name], [phone …5238]"
