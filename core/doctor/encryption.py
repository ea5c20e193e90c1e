"""Whether personal values are encrypted, and whether every key that is needed is available."""

from collections.abc import Iterator

from pymongo.database import Database

from core.doctor.result import Finding, State
from core.privacy.sensitive import phone_of
from core.settings import Settings
from core.storage.collections import CALLS
from core.storage.recording.processes import processes
from core.types import Document, counted

_NAME = "encryption"
_LOOKED_AT = 100
"""The newest calls, whose leads are looked at."""


def encryption(database: Database[Document], settings: Settings) -> Iterator[Finding]:
    """Return how personal values are stored.

    Under which keys, left out for want of one, or with a key missing; and whether phone numbers are lead ids.
    """
    yield from _open_phones(database, settings)
    withheld = sum(one.withheld for one in processes(database))
    if not settings.encryption_keys:
        new = "set ENCRYPTION_KEYS: `python -m core keys new`"
        if withheld:
            text = f"{withheld:,} personal values were recently not stored: ENCRYPTION_KEYS is not set"
            yield Finding(_NAME, State.WARN, text, new)
        else:
            yield Finding(
                _NAME, State.OFF, "ENCRYPTION_KEYS is not set: personal metadata is not stored", new
            )
        return
    from core.privacy.encryption import encryption as configured  # noqa: PLC0415 (only where there are keys)
    from core.storage.sealing.lead_keys import wrapped_with  # noqa: PLC0415 (likewise)

    service, wraps = configured(), wrapped_with(database)
    names = service.names if service else ()
    if missing := sorted(set(wraps) - set(names)):
        text = f"ENCRYPTION_KEYS lacks {', '.join(missing)}, which wraps lead keys"
        yield Finding(_NAME, State.FAIL, text, "put it back, then `python -m core keys rotate`")
        return
    later = sum(count for name, count in wraps.items() if name != names[0])
    having = counted(sum(wraps.values()), "lead has", "leads have")
    text = f"{having} a key, {later:,} not wrapped with the first key"
    yield Finding(_NAME, State.OK, text)


def _open_phones(database: Database[Document], settings: Settings) -> Iterator[Finding]:
    if settings.blind_index_key is not None or settings.lead_id_phones == "keep":
        return
    newest = database[CALLS].find({}, {"lead_id": 1}).sort("start_time", -1).limit(_LOOKED_AT).to_list()
    phones = sum(phone_of(call.get("lead_id") or "") is not None for call in newest)
    if phones:
        of = f"{phones:,} of the newest {len(newest):,} calls"
        text = f"{of} have a phone number as lead_id, stored as it is"
        remedy = "set BLIND_INDEX_KEY: `python -m core keys new`; see docs/encryption.md"
        yield Finding(_NAME, State.WARN, text, remedy)
