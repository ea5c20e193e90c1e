"""The one error that people are meant to read, and pydantic's in the same form: one line."""

from pydantic import ValidationError
from pydantic_core import ErrorDetails


class UserError(Exception):
    """Something the person at the keyboard can put right.

    The text is one line that names what is wrong and the remedy. Command lines print it without a
    traceback and exit with 2.
    """


def problem(error: ErrorDetails) -> str:
    """Return what is wrong with one value, without the value; the name of a variable keeps its capitals."""
    if error["type"] == "missing":
        return "is missing"
    text = error["msg"].removeprefix("Value error, ")
    return text if text[1:2].isupper() else text[:1].lower() + text[1:]


def one_line(error: ValidationError) -> str:
    """Return the first problem of a model as ``key.part: what is wrong``, without the value."""
    first = error.errors()[0]
    key = ".".join(str(part) for part in first["loc"])
    return f"{key}: {problem(first)}" if key else problem(first)
