"""What somebody said: kept out of the log unless asked for, since no pattern finds all that is personal."""

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
    """Only how long it is: ``[transcript of 42 characters]``."""
    return f"[transcript of {len(said)} characters]"


def mask_transcripts(text: str) -> str:
    """The text with what it names as a transcript masked, to the end of its line or quotes."""
    low = text.casefold()
    return _NAMED.sub(_masked, text) if "transcript" in low or "utterance" in low else text


def _masked(match: re.Match[str]) -> str:
    said = match["said"]
    if said[0] not in "\"'":
        return match["is"] + mask_of_transcript(said)
    return f"{match['is']}{said[0]}{mask_of_transcript(said[1:-1])}{said[0]}"
