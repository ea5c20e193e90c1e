"""Which call the running code serves: kept per task and thread, added to every line."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from types import MappingProxyType
from typing import Any

from core.logs.sanitize import plain_fields

_NOTHING: Mapping[str, Any] = MappingProxyType({})
# The mapping is replaced, never changed: a queued line may still refer to it.
current: ContextVar[Mapping[str, Any]] = ContextVar("call_context", default=_NOTHING)


def current_context() -> Mapping[str, Any]:
    """The fields of the current call context; never changes afterwards."""
    return current.get()


def set_call_context(**fields: Any) -> None:  # noqa: ANN401 (any value can be logged)
    """Add fields such as ``call_id`` and ``lead_id`` to every following line of this task or thread."""
    current.set({**current.get(), **plain_fields(fields)})


def clear_call_context() -> None:
    """Forget every field of the call context of this task or thread."""
    current.set(_NOTHING)


@contextmanager
def call_context(**fields: Any) -> Iterator[None]:  # noqa: ANN401 (any value can be logged)
    """Add fields to every line within the block; afterwards the context is as it was before."""
    token = current.set({**current.get(), **plain_fields(fields)})
    try:
        yield
    finally:
        # A generator may be closed by another task, which never had this block's fields.
        with suppress(ValueError):
            current.reset(token)
