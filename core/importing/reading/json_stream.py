"""JSON that is not one object per line, read piece by piece: long lists, and objects that contain a list."""

import json
import re
from collections.abc import Callable, Generator, Iterator
from typing import Any, NoReturn

from core.errors import UserError

CHUNK = 1 << 16
MAX_VALUE = 10_000_000
"""Most characters in one call, or in everything beside the list of calls."""
CONTAINERS = ("calls", "records", "data", "results", "items", "rows", "objects", "executions")
"""Keys whose value is taken for the list of calls if ``source.records`` names none."""
_BLANK = re.compile(r"[ \t\r\n,\ufeff]*")


def is_lines(first: str = "", second: str = "") -> bool:
    """Return whether a file whose first two non-blank lines are these has one object per line."""
    text = first.strip()
    if text.startswith("["):
        return False
    try:
        json.loads(text)
    except ValueError:
        # Otherwise an object continues on the next line with a key, its end, or the first call of a list.
        goes_on = text.startswith("{") and text[-1] in "{[,"
        return not (goes_on and second.lstrip()[:1] in {'"', "}", "{", "]"})
    except RecursionError:
        return True
    return True


class JsonStream:
    """The calls in a JSON text: values one after the other, or the items of a list.

    Numbers stay as they are written. Memory holds no more than one call, plus what is beside the list.
    """

    def __init__(self, begin: str, read: Callable[[int], str], label: str, records: str | None) -> None:
        self._text = begin
        self._read = read
        self._label = label
        self._records = tuple(records.split(".")) if records else ()
        self._at, self._before = 0, 0
        self._ended = False
        self._line, self._counted = 1, 0
        self._decoder = json.JSONDecoder(parse_int=str, parse_float=str, parse_constant=str)

    def calls(self) -> Iterator[tuple[int, Any]]:
        """Yield each call, or whatever is in its place, with the line on which it begins.

        Raises:
            UserError: from some point on the text is not JSON, or a value is too long.
        """
        while sign := self._sign():
            if sign == "[":
                yield from self._items()
            elif sign == "{":
                yield from self._object(())
            else:
                yield self._number(), self._value()

    def _items(self) -> Iterator[tuple[int, Any]]:
        """Yield the items of a list."""
        self._at += 1
        while (sign := self._sign()) != "]":
            self._see(sign, "the list has no end")
            yield self._number(), self._value()
        self._at += 1

    def _object(self, path: tuple[str, ...]) -> Generator[tuple[int, Any], None, bool]:
        """Yield the calls that an object holds in a list.

        One at the top level without such a list is itself a call.

        Returns whether it contains a list of calls.
        """
        line, found, size = self._number(), False, 0
        members: dict[str, Any] = {}
        self._at += 1
        while (sign := self._sign()) != "}":
            self._see(sign, "the object has no end")
            here, begin = (*path, self._key()), self._before + self._at
            if not found and self._holds_calls(here):
                found = True
                yield from self._items()
            elif not found and self._leads_to_calls(here):
                found = yield from self._object(here)
            else:
                members[here[-1]] = self._value()
                size += self._before + self._at - begin
                if size > MAX_VALUE:
                    self._fail_long()
        self._at += 1
        if not found and not path:
            yield line, members
        return found

    def _key(self) -> str:
        """Return the name of a member, and move on to its value."""
        key = self._value()
        if self._sign() != ":" or not isinstance(key, str):
            self._fail("a key without a value")
        self._at += 1
        self._sign()
        return str(key)

    def _holds_calls(self, path: tuple[str, ...]) -> bool:
        if self._sign() != "[":
            return False
        if self._records:
            return path == self._records
        return len(path) == 1 and path[0] in CONTAINERS and self._sign(beyond=1) == "{"

    def _leads_to_calls(self, path: tuple[str, ...]) -> bool:
        deeper = len(path) < len(self._records) and self._records[: len(path)] == path
        return deeper and self._sign() == "{"

    def _value(self) -> Any:  # noqa: ANN401 (whatever JSON holds)
        """Return the value that begins here, and move past it."""
        while True:
            try:
                value, end = self._decoder.raw_decode(self._text, self._at)
            except json.JSONDecodeError as error:
                if self._ended:
                    self._fail(error.msg, error.pos)
                self._more()
                continue
            except RecursionError:
                raise UserError(
                    f"{self._label} is JSON that is nested too deeply (line {self._number()})"
                ) from None
            if end == len(self._text) and not isinstance(value, dict | list) and not self._ended:
                self._more()  # the number may continue
                continue
            self._at = end
            return value

    def _sign(self, beyond: int = 0) -> str:
        """Move to the next significant character and return it; empty at the end.

        With ``beyond``, look that many characters further and do not move.
        """
        while True:
            found = _BLANK.match(self._text, self._at + beyond)
            at = found.end() if found else self._at + beyond
            if not beyond:
                self._at = at
            if at < len(self._text):
                return self._text[at]
            if self._ended:
                return ""
            self._more()

    def _more(self) -> None:
        """Read more, and drop what has been used.

        A long value is read in long pieces, to keep the cost linear.
        """
        self._number()
        held = len(self._text) - self._at
        if held > MAX_VALUE:
            self._fail_long()
        piece = self._read(max(CHUNK, held))
        self._ended = not piece
        self._text = self._text[self._at :] + piece
        self._before += self._at
        self._at = self._counted = 0

    def _number(self) -> int:
        """Return the number of the current line."""
        self._line += self._text.count("\n", self._counted, self._at)
        self._counted = self._at
        return self._line

    def _see(self, sign: str, complaint: str) -> None:
        if not sign:
            self._fail(complaint)

    def _fail(self, complaint: str, at: int | None = None) -> NoReturn:
        line = self._number() + self._text.count("\n", self._at, self._at if at is None else at)
        raise UserError(f"{self._label} is not valid JSON: {complaint} (line {line})")

    def _fail_long(self) -> NoReturn:
        raise UserError(
            f"{self._label} has a value of more than {MAX_VALUE:,} characters (line {self._number()}); "
            "where are the calls? set source.records, or write one object a line"
        )
