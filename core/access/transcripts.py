"""What was said in a call, for everybody who may see the call: personal data is masked."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pymongo.database import Database

from core.access.known_words import KnownWords
from core.models.calls.transcripts import Said, as_text, said_in
from core.models.metrics import TurnMetrics
from core.privacy.masking import mask_text
from core.privacy.sensitive import WITHHELD, key_of, personal_in
from core.storage.sealing.contents import document_of
from core.storage.sealing.open import open_metadata, open_transcripts
from core.types import Document


@dataclass(frozen=True)
class Transcript:
    """What was said, by turn, masked.

    ``left_out`` are turns recorded without a key; ``locked`` those whose key is missing.
    """

    said: dict[int, tuple[Said, ...]]
    left_out: int = 0
    locked: int = 0

    @property
    def is_there(self) -> bool:
        """Return whether anything said is stored, or would have been."""
        return bool(self.said or self.left_out or self.locked)


def masked_transcript(
    database: Database[Document], turns: Sequence[TurnMetrics], metadata: Mapping[str, Any]
) -> Transcript:
    """Return what was said in some turns of a call, masked: numbers, spoken digits, introduced names.

    So is what the call's metadata tells of the lead, such as the name, wherever it is said. No pattern finds
    everything personal: another name in the middle of a sentence stays. Those who may open sealed values see
    all of it with :func:`core.access.reveal.reveal_transcript`.

    Raises:
        PyMongoError: the database does not answer.
    """
    texts = {turn.turn: turn.transcript for turn in turns if turn.transcript}
    ids = {document_of(turn): turn.turn for turn in turns if key_of(turn.transcript)}
    sealed = {document: str(texts[number]) for document, number in ids.items()}
    opened = open_transcripts(database, sealed) if sealed else {}
    known = known_words(database, turns[0].call_id, metadata) if texts and metadata else None
    found = {ids[document]: masked(text, known) for document, text in opened.items()}
    # Another tool may have written what it cannot seal.
    open_ones = {n: text for n, text in texts.items() if text != WITHHELD and key_of(text) is None}
    found |= {number: masked(text, known) for number, text in open_ones.items()}
    left_out = sum(text == WITHHELD for text in texts.values())
    return Transcript(found, left_out, len(sealed) - len(opened))


def masked(text: str, known: KnownWords | None = None) -> tuple[Said, ...]:
    """Return who said what in a turn's text, masked, and without words known to be personal."""
    found = said_in(text)
    if known is not None:
        found = [Said(one.by, known.masked(one.words)) for one in found]
    return tuple(Said(one.by, mask_text(one.words)) for one in found)


def known_words(database: Database[Document], call_id: str, metadata: Mapping[str, Any]) -> KnownWords:
    """Return what a call's metadata, as it is stored, tells of its lead; what cannot be opened is left out.

    Raises:
        PyMongoError: the database does not answer.
    """
    values = dict(personal_in(dict(metadata)))
    sealed = {path: value for path, value in values.items() if key_of(value) is not None}
    plain = {path: value for path, value in values.items() if path not in sealed}
    return KnownWords(plain | open_metadata(database, call_id, sealed))


def with_masked_words(
    database: Database[Document], turns: Sequence[TurnMetrics], metadata: Mapping[str, Any]
) -> list[TurnMetrics]:
    """Return turns with what was said in them masked; None if it is not stored, or cannot be opened.

    ``metadata`` is the call's, as it is stored.

    Raises:
        PyMongoError: the database does not answer.
    """
    said = masked_transcript(database, turns, metadata).said
    return [
        turn.model_copy(update={"transcript": as_text(said.get(turn.turn, ()))}) if turn.transcript else turn
        for turn in turns
    ]
