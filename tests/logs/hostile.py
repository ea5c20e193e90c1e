# ruff: noqa: E501 (hostile things are short)
# mypy: disable-error-code="misc,assignment,unused-ignore"
"""Logs whatever hypothesis thinks of, in a process without pytest: each call is one valid line, and never raises.

Arguments: the LOG_FILE, and ``beside`` for a further handler, which makes everything go the stdlib's way.
"""

import json
import logging
import os
import sys
from collections import OrderedDict, UserDict
from collections.abc import Iterator, Mapping
from decimal import Decimal
from pathlib import Path
from typing import Any

from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from core.logging_config import call_context, flush, get_logger, setup_logging

EXAMPLES = 500
logger = get_logger("api")
calls = {"made": 0, "nested": 0}


class Raises:
    """Raises whatever is done with it."""

    def __repr__(self) -> str:
        raise RuntimeError("9876543210")

    __str__ = __len__ = __iter__ = __format__ = __hash__ = __eq__ = __repr__  # type: ignore[assignment]

    @property
    def __class__(self) -> type:  # type: ignore[override]
        raise RuntimeError("9876543210")


class Logs:
    """Logs while it is being logged."""

    def __repr__(self) -> str:
        calls["nested"] += 1
        logger.info("nested")
        return "logs"


class Endless(Mapping[str, int]):
    """Never stops to be iterated."""

    def __getitem__(self, _key: str) -> int:
        return 1

    def __len__(self) -> int:
        return 1

    def __iter__(self) -> Iterator[str]:
        while True:
            yield "k"


class EndlessList(list[int]):
    """The same as a list."""

    def __iter__(self) -> Iterator[int]:
        while True:
            yield 1


class OddText(str):
    """A text that will not be shown."""

    __slots__ = ()

    def __str__(self) -> str:
        raise RuntimeError


class OddNumber(int):
    """A number that will not be one."""

    def __int__(self) -> int:
        raise RuntimeError

    __index__ = __str__ = __repr__ = __int__  # type: ignore[assignment]


class OddError(Exception):
    """An exception that will not be described."""

    def __str__(self) -> str:
        raise RuntimeError

    __notes__ = 5


cycle: dict[str, Any] = {}
cycle["self"] = [cycle]
deep: list[Any] = []
for _ in range(5_000):
    deep = [deep]

_odd = st.builds(
    lambda make: make(),
    st.sampled_from(
        [
            *(Raises, Logs, Endless, OddError, object, lambda: EndlessList([1]), lambda: OddText("9876543210")),
            *(lambda: OddNumber(3), lambda: cycle, lambda: deep, lambda: UserDict(a=1), lambda: "x" * 100_000),
            *(lambda: b"\xff\x00", lambda: Decimal("sNaN"), lambda: Path("\udcff"), lambda: memoryview(b"a")),
            *(lambda: OrderedDict({(1, 2): {3}}), lambda: 10**5_000, lambda: complex(1, 2), lambda: range(9)),
        ]
    ),
)  # fmt: skip
_text = st.text(st.characters(codec=None), max_size=20)
_plain = (
    st.none() | st.booleans() | st.integers() | st.floats() | _text | st.binary(max_size=9) | st.datetimes()
)
_value = st.recursive(
    _plain | _odd,
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(_text, inner, max_size=4) | st.tuples(inner, inner)
    ),
    max_leaves=8,
)
_names = st.sampled_from(
    ["message", "level", "name", "args", "call_id", "timestamp", "source", "_id", "exc_info", "\0"]
)
_extra = st.none() | st.dictionaries(_text | _names, _value, max_size=5) | _value
_failure = st.sampled_from(
    [None, True, OddError(), ValueError("9876543210"), (1, 2, 3), (None, None, None), "x"]
)
_template = st.sampled_from(["%s", "%d %s", "%(a)s", "%", "%%", "%99999d", "%.3f", "%c", "{}"])


@settings(max_examples=EXAMPLES, deadline=None, database=None, suppress_health_check=list(HealthCheck))
@given(_template | _text | _value, st.lists(_value, max_size=3), _extra, _failure, st.booleans(), _value)
@example("endless", [], Endless(), None, False, Endless())
def log_anything(message: Any, args: list[Any], extra: Any, failure: Any, stack: bool, context: Any) -> None:
    with call_context(about=context):
        logger.info(message, *args, extra=extra, exc_info=failure, stack_info=stack)
    calls["made"] += 1
    if calls["made"] % 100 == 0:
        flush(60)


def refuse(constant: str) -> None:
    raise ValueError(constant)


if __name__ == "__main__":
    file = Path(sys.argv[1])
    setup_logging(file=file)
    if "beside" in sys.argv:
        logging.getLogger().addHandler(logging.NullHandler())
    log_anything()
    assert flush(60)
    lines = file.read_bytes().splitlines(keepends=True)
    decoded = [json.loads(line, parse_constant=refuse) for line in lines]
    assert all(line.endswith(b"\n") for line in lines)
    assert all({"timestamp", "level", "component", "message", "source"} <= line.keys() for line in decoded)
    assert [line["message"] for line in decoded if line["component"] == "logging"] == [], lines
    said = (len(decoded), calls["made"] + calls["nested"])
    os.write(1, f"{said}\n".encode())
    sys.exit(said[0] != said[1])
