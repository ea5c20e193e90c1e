"""What people said.

Kept out of the log unless asked for, since no pattern finds everything personal in it.
"""

import re

NAME_OF_TRANSCRIPT = re.compile(
    r"(?:transcript(?:ion)?|utterance)s?$|^(?:asr|stt|speech|spoken|user|caller|customer|lead)(?:said|heard|speech|text)$"
)
_NAMED = re.compile(
    r"(?<![\w-])(?P<is>[\w-]{0,20}?(?:transcript(?:ion)?|utterance)s?[\"']?\s*+[:=]\s*+)"
    r"(?![\"']?\[transcript of)"
    r"(?P<said>\"(?:[^\"\\]|\\.)*+\"|'(?:[^'\\]|\\.)*+'|(?!\[)[^\s\"'][^\r\n]*+)",
    re.IGNORECASE,
)


def mask_of_transcript(said: str) -> str:
    """Return only its length: ``[transcript of 42 characters]``."""
    return f"[transcript of {len(said)} characters]"


def mask_transcripts(text: str) -> str:
    """Return the text with what it labels as a transcript masked, to the end of its line or quotes."""
    low = text.casefold()
    return _NAMED.sub(_masked, text) if "transcript" in low or "utterance" in low else text


def _masked(match: re.Match[str]) -> str:
    said = match["said"]
    if said[0] not in "\"'":
        return match["is"] + mask_of_transcript(said)
    return f"{match['is']}{said[0]}{mask_of_transcript(said[1:-1])}{said[0]}"
