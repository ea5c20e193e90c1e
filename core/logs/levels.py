"""Levels as people write them."""

import logging


def level_number(level: str | int) -> int | None:
    """The number of a level given by its name, in any case, or by its number; None where there is none."""
    if isinstance(level, int):
        return level
    text = level.strip()
    if text.isascii() and text.isdecimal() and len(text) < 4:  # noqa: PLR2004 (no level has more digits)
        return int(text)
    return logging.getLevelNamesMapping().get(text.upper())
