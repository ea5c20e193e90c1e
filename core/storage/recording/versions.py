"""Decide which of two versions of a record is the later one when the clocks of their machines disagree."""

import time
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from bson import Timestamp

from core.types import Document

CLOCKS_DIFFER = timedelta(seconds=60)
"""A version this far ahead of the database server's clock cannot be the time of recording."""
SERVER_TIME = Timestamp(0, 0)
"""An empty timestamp, which the server replaces with its own clock."""
_ABOUT_NOW = timedelta(seconds=1)
_APART = timedelta(seconds=2)


class Judge:
    """Orders records by the database server's clock; versions decide only where they can be right."""

    def __init__(self, now: datetime, *, fresh: bool) -> None:
        self._now = now if now.tzinfo else now.replace(tzinfo=UTC)
        self._fresh = fresh

    def settle(self, item: Document, stored: Document) -> None:
        """Raise the version of a record that is later than the stored one although its version is lower."""
        theirs = version_in(stored)
        if (
            theirs > item["version"]
            and isinstance(stored.get("recorded_at"), Timestamp)
            and self._is_later(item["version"], stored)
        ):
            item["version"] = theirs + 1

    def _is_later(self, version: int, stored: Document) -> bool:
        """Return whether a record was made after the stored one, judged by the server's clock.

        ``stored_at`` has a resolution of one second. If the two versions are less than _APART from each
        other, the record therefore has to be a full second later than that.
        """
        theirs = version_in(stored)
        stored_at: datetime = stored["recorded_at"].as_datetime()  # truncated to whole seconds
        if not self._fresh:
            # A replayed record counts by its version, unless the stored version is impossible.
            return theirs > _version_of(self._now + CLOCKS_DIFFER) and version > _version_of(
                stored_at + _APART
            )
        waited = max(0, time.time_ns() // 1_000 - version)
        handed_over = self._now - timedelta(microseconds=waited)
        if theirs <= _version_of(self._now + _ABOUT_NOW):
            return _version_of(handed_over) > theirs
        if stored_at > self._now + CLOCKS_DIFFER:
            return True  # both stamps are wrong: the server's clock was ahead as well
        far_apart = theirs - version > _APART // timedelta(microseconds=1)
        return handed_over >= (stored_at if far_apart else stored_at + timedelta(seconds=1))


def version_in(document: Mapping[str, Any]) -> int:
    """Return the version of a stored document; 0 if another tool has put something else there."""
    version = document.get("version")
    return version if isinstance(version, int) else 0


def _version_of(moment: datetime) -> int:
    """Return a time in microseconds since 1970."""
    return (moment - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1)
