"""Log levels as people write them."""

import logging


def level_number(level: str | int) -> int | None:
    """Return the number of a level, given its name in any case or its number.

    None if there is no such level.
    """
    if isinstance(level, int):
        return level
    text = level.strip()
    if text.isascii() and text.isdecimal() and len(text) < 4:  # noqa: PLR2004 (no level has more digits)
        return int(text)
    return logging.getLevelNamesMapping().get(text.upper())
