"""Which call and which span the running code serves, kept per task and thread and added to every line."""

import inspect
import sys
from collections.abc import Callable, Mapping
from contextvars import ContextVar, Token
from functools import wraps
from types import MappingProxyType
from typing import Any, NamedTuple, TypeVar, cast

from core.logs.sanitize import plain_fields

Decorated = TypeVar("Decorated", bound=Callable[..., Any])
_NOTHING: Mapping[str, Any] = MappingProxyType({})
# The mapping is replaced, never changed: queued lines may still refer to it.
current: ContextVar[Mapping[str, Any]] = ContextVar("call_context", default=_NOTHING)


class SpanIds(NamedTuple):
    """Ids of an OpenTelemetry span, as numbers of 128 and 64 bits."""

    trace_id: int
    span_id: int


ActiveSpan = Callable[[], SpanIds | None]


def find_active_span() -> ActiveSpan | None:
    """Return OpenTelemetry's function for the active span; None if the program has not imported it.

    Only a program that has imported it can have a span, so it is never imported from here.
    """
    get_current_span = getattr(sys.modules.get("opentelemetry.trace"), "get_current_span", None)
    if get_current_span is None:  # not there, or still being imported
        return None

    def active_span() -> SpanIds | None:
        context = get_current_span().get_span_context()
        return SpanIds(context.trace_id, context.span_id) if context.is_valid else None

    return active_span


def current_context() -> Mapping[str, Any]:
    """Return the fields of the current call context; the mapping never changes afterwards."""
    return current.get()


def set_call_context(**fields: Any) -> None:  # noqa: ANN401 (any value can be logged)
    """Add fields such as ``call_id`` and ``lead_id`` to every later line of this task or thread."""
    current.set({**current.get(), **plain_fields(fields)})


def clear_call_context() -> None:
    """Remove every field from the call context of this task or thread."""
    current.set(_NOTHING)


class call_context:  # noqa: N801 (used as the functions of contextlib are)
    """Add fields to every line inside the block; afterwards the context is as it was before.

    Also works as a decorator of a function, plain or ``async``, whose lines then have the fields.

    Raises:
        TypeError: it decorates a generator or a class, whose code runs after the block has ended.
    """

    def __init__(self, **fields: Any) -> None:  # noqa: ANN401 (any value can be logged)
        self._fields = fields
        self._tokens: list[Token[Mapping[str, Any]]] = []

    def __enter__(self) -> None:
        self._tokens.append(current.set({**current.get(), **plain_fields(self._fields)}))

    def __exit__(self, *_: object) -> None:
        # Tasks and threads that share this object each have a token of their own. A generator may be closed
        # by another task, which never had this block's fields and has none.
        for token in reversed(self._tokens):
            try:
                current.reset(token)
            except ValueError:
                continue
            self._tokens.remove(token)
            return

    def __call__(self, function: Decorated) -> Decorated:
        """Run every call of a function in a block of its own."""
        fields = self._fields
        if inspect.isclass(function) or _is_generator(function):
            name = getattr(function, "__qualname__", function)
            raise TypeError(f"call_context cannot decorate {name}, whose code runs later; use `with` in it")
        if _is_async(function):

            @wraps(function)
            async def waiting(*args: Any, **kwargs: Any) -> Any:  # noqa: ANN401 (as what it wraps)
                with call_context(**fields):
                    return await function(*args, **kwargs)

            return cast("Decorated", waiting)

        @wraps(function)
        def calling(*args: Any, **kwargs: Any) -> Any:  # noqa: ANN401 (as what it wraps)
            with call_context(**fields):
                return function(*args, **kwargs)

        return cast("Decorated", calling)


def _is_generator(function: object) -> bool:
    return inspect.isgeneratorfunction(function) or inspect.isasyncgenfunction(function)


def _is_async(function: object) -> bool:
    return inspect.iscoroutinefunction(function) or inspect.iscoroutinefunction(
        getattr(function, "__call__", None)  # noqa: B004 (an object with an async __call__)
    )
