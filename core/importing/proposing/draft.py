"""Write a mapping as TOML, with the reason behind each line."""

import json
from collections.abc import Mapping, Sequence
from datetime import time
from typing import Any

from core.importing.proposing.guess import Guess
from core.types import on_one_line

_BARE = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-")
_TABLES = ("start_time", "end_time")


def draft(file: str, source: Mapping[str, Any], guesses: Sequence[Guess], zone: str) -> str:
    """Return the text of a mapping."""
    lines = [
        f"# A mapping proposed for {on_one_line(file)}: look it over. docs/importing.md has every key.",
        "",
        "[source]",
        *(f"{key} = {toml(value)}" for key, value in source.items()),
        f"timezone = {toml(zone)}  # zone of times that name none",
    ]
    for table in _TABLES:
        for guess in guesses:
            if guess.field == table:
                lines += ["", f"[{table}]  # {on_one_line(guess.reason)}"]
                lines += [f"{key} = {toml(value)}" for key, value in guess.value.items()]
    lines += ["", "[fields]"]
    plain = [guess for guess in guesses if guess.field not in _TABLES]
    lines += [_line(guess) for guess in plain if "." not in guess.field]
    for table in dict.fromkeys(guess.field.partition(".")[0] for guess in plain if "." in guess.field):
        lines += ["", f"[{table}]", *(_line(guess) for guess in plain if guess.field.startswith(f"{table}."))]
    return "\n".join(lines) + "\n"


def _line(guess: Guess) -> str:
    name = guess.field.rpartition(".")[2]
    return f"{name} = {toml(guess.value)}  # {on_one_line(guess.reason)}"


def toml(value: object) -> str:
    """Return a value as TOML on one line."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
    if isinstance(value, Mapping):
        return "{ " + ", ".join(f"{_key(key)} = {toml(item)}" for key, item in value.items()) + " }"
    if isinstance(value, list | tuple):
        return "[" + ", ".join(map(toml, value)) + "]"
    return value.isoformat() if isinstance(value, time) else str(value)


def _key(key: str) -> str:
    return key if key and set(key) <= _BARE else toml(key)
