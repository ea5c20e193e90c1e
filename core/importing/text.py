"""Small text helpers of the importer: templates, and pydantic's errors in our words."""

import re
from collections.abc import Callable

from pydantic_core import ErrorDetails

_PLACEHOLDER = re.compile(r"\{([^{}]+)\}")


def placeholders(template: str) -> set[str]:
    """The names in braces."""
    return set(_PLACEHOLDER.findall(template))


def fill(template: str, value_of: Callable[[str], str]) -> str:
    """The template with every name in braces replaced by its value."""
    return _PLACEHOLDER.sub(lambda match: value_of(match[1]), template)


def problem(error: ErrorDetails) -> str:
    """What is wrong, in lower case and without the value."""
    if error["type"] == "missing":
        return "is missing"
    text = error["msg"].removeprefix("Value error, ")
    return text[:1].lower() + text[1:]
