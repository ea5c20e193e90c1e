"""Mask records before handlers of others get them, since every handler is a way out of the process."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from core.logs.event import FIXED, TAKEN, formatted
from core.logs.sanitize import cut, cut_middle, plain, safe_repr
from core.privacy.keys import extra_name
from core.privacy.masking import field, mask_field, mask_text, mask_value

_logged: dict[int, logging.LogRecord] = {}
"""The original record, by the id of each masked copy that is being handled."""
_UNMASKABLE = "[record that could not be masked]"
_MOST_CAUSES = 16


def as_logged(record: logging.LogRecord) -> logging.LogRecord:
    """Return the original record if this is a masked copy; our own handler does its own masking."""
    return _logged.get(id(record), record)


@contextmanager
def masked(record: logging.LogRecord) -> Iterator[logging.LogRecord]:
    """Yield a masked copy of a record for as long as it is being handled."""
    record = _settled(record)
    copy = _masked_copy(record)
    _logged[id(copy)] = record
    try:
        yield copy
    finally:
        del _logged[id(copy)]


def mask_in_place(record: logging.LogRecord) -> None:
    """Mask a record itself, for the handlers that get it next."""
    copy = _masked_copy(_settled(record))
    record.__dict__.clear()
    record.__dict__.update(copy.__dict__)


def _settled(record: logging.LogRecord) -> logging.LogRecord:
    """Return a record whose values of foreign types are text.

    Their repr may log, or say something else next time.
    """
    args = record.args or ()
    if type(record.msg) is str and isinstance(args, tuple) and FIXED.issuperset(map(type, args)):
        return record
    return _copy_of(record, msg=formatted(record.msg, record.args), args=())


def _masked_copy(record: logging.LogRecord) -> logging.LogRecord:
    copy = _copy_of(record)
    try:
        _mask_message(copy)
        _mask_fields(copy)
        copy.name, copy.funcName = mask_text(copy.name), mask_text(copy.funcName or "")
        if copy.stack_info:
            copy.stack_info = mask_text(cut_middle(copy.stack_info))
        if copy.exc_info:
            _mask_exception(copy)
    except Exception:  # noqa: BLE001 (better a record that says little than one that was not looked through)
        kept = {name: record.__dict__.get(name) for name in ("levelno", "levelname", "created")}
        return _copy_of(logging.makeLogRecord(kept), name="voice_agent", msg=_UNMASKABLE)
    return copy


def _copy_of(record: logging.LogRecord, **changes: object) -> logging.LogRecord:
    # Without the record's constructor, which costs as much as all masking, and a factory of somebody's own.
    copy: logging.LogRecord = object.__new__(type(record))
    copy.__dict__.update(record.__dict__, **changes)
    return copy


def _mask_message(record: logging.LogRecord) -> None:
    """Mask the message and its arguments; the template stays if it then gives the same text."""
    said = mask_text(formatted(record.msg, record.args))
    arguments = tuple(map(mask_value, record.args or ()))
    if formatted(record.msg, arguments) == said:
        record.args = arguments
    else:
        record.msg, record.args = said, ()


def _mask_fields(record: logging.LogRecord) -> None:
    fields = record.__dict__
    counts: dict[str, int] = {}
    for key in [key for key in fields if key not in TAKEN]:
        value = fields.pop(key)
        name, kind = field(key)
        copy = plain(value)
        shown = mask_field(copy, kind)
        fields[extra_name(name, fields, counts)] = value if shown == copy else shown


def _mask_exception(record: logging.LogRecord) -> None:
    """Mask the text of a traceback, and the exception itself for handlers that format it again."""
    try:
        info: Any = record.exc_info  # anything a caller passed
        kind, error, trace = info
        if error is None:
            return
        text = logging.Formatter().formatException((kind, error, trace))
        record.exc_text = mask_text(cut_middle(text))
        if record.exc_text != text:
            record.exc_info = (kind, _stand_in(error, {}), trace)
    except Exception:  # noqa: BLE001 (no exception, or one that raises itself)
        record.exc_info, record.exc_text = None, "[exception that could not be formatted]"


def _stand_in(error: BaseException, made: dict[int, BaseException]) -> BaseException:
    """Return an exception of the same name and ancestry whose message, and whose causes', are masked."""
    if id(error) in made or len(made) >= _MOST_CAUSES:
        return made.get(id(error)) or Exception("[more causes]")
    try:
        text = mask_text(cut(str(error)))
    except Exception:  # noqa: BLE001 (a foreign exception may raise anything)
        text = safe_repr(type(error))
    kind = type(error)
    said = {"__str__": lambda _self: text, "__repr__": lambda _self: f"{kind.__name__}({text!r})"}
    names = {"__module__": kind.__module__, "__qualname__": kind.__qualname__, **said}
    try:
        likeness: Any = type(kind.__name__, (kind,), names)
        copy: BaseException = likeness.__new__(likeness)
    except Exception:  # noqa: BLE001 (a group, or a class that cannot be made or inherited from)
        copy = type(kind.__name__, (Exception,), names)()
    made[id(error)] = copy
    copy.__traceback__ = error.__traceback__
    copy.__context__ = _stand_in(error.__context__, made) if error.__context__ else None
    copy.__cause__ = _stand_in(error.__cause__, made) if error.__cause__ else None
    copy.__suppress_context__ = error.__suppress_context__
    return copy
