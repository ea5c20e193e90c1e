"""Read ids as spreadsheets and data frames leave them: rounded, or with the marks of a number."""

import re

IDS = frozenset({"call_id", "lead_id", "provider_call_id"})
"""Fields of a call that are ids."""
_ROUNDED = re.compile(r"\d(?:[.,]\d+)?E\+\d\d\d?", re.ASCII)
_FLOAT = re.compile(r"(\d{5,})\.0", re.ASCII)
"""A number from a column with gaps, which pandas writes as fractions; the id of a call may look like that."""
_AS_TEXT = re.compile(r"'(\+?\d[\d ()-]*)", re.ASCII)
"""What spreadsheets, and our own exports, write to keep a phone a text."""


_NOBODY = frozenset({"null", "none", "nan", "nil", "n/a", "#n/a", "na", "-", "undefined"})
"""Words for no lead, in lower case: as an id, they would make one person of all whom nobody knows."""


def as_id(field: str, text: str) -> str:
    """Return a cell as an id; empty if a lead's has one of the words for none.

    One that a spreadsheet has rounded is empty too, unless it is the call's own: it would make one lead of
    several, and the call is worth keeping without it.

    Raises:
        ValueError: a spreadsheet has rounded the id of the call, so that different ones became the same.
    """
    if _ROUNDED.fullmatch(text):
        if field != "call_id":
            return ""
        raise ValueError(
            f"{text!r} was rounded by a spreadsheet, as are others that now look the same; "
            "import the file as it was exported, not as it was saved there"
        )
    if field != "lead_id":
        return text
    if text.lower() in _NOBODY:
        return ""
    found = _FLOAT.fullmatch(text) or _AS_TEXT.fullmatch(text)
    return found[1] if found else text
