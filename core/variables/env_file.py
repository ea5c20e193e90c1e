"""The ``.env`` file: which of its lines are settings, and what is wrong with those that cannot be read."""

import re
from collections.abc import Collection, Iterator
from dataclasses import dataclass, field
from io import StringIO
from pathlib import Path

from dotenv import dotenv_values
from dotenv.parser import Binding, parse_stream

ENV_FILE = Path(".env")
_NAME = re.compile(r"\s*(?:export\s+)?['\"]?([A-Za-z_][A-Za-z0-9_]*)")


@dataclass(frozen=True)
class EnvFile:
    """What a ``.env`` says.

    Values are those of lines that can be read, by name as written. Problems are about our own variables, so
    that a line of another program stops nothing; they never contain a value.
    """

    values: dict[str, str] = field(default_factory=dict)
    problems: tuple[str, ...] = ()
    foreign_lines: tuple[int, ...] = ()
    """Numbers of lines that cannot be read, and name none of our variables."""
    repeated: dict[str, tuple[int, ...]] = field(default_factory=dict)
    """Our variables that are set several times, and in which lines. The last one counts."""


def read_env_file(ours: Collection[str]) -> EnvFile:
    """Read the ``.env`` of the working directory; an absent one is empty.

    Args:
        ours: names of our variables, in capitals.
    """
    try:
        if ENV_FILE.exists() and not ENV_FILE.is_file():
            return EnvFile(problems=("the file .env cannot be read: it is not a regular file",))
        raw = ENV_FILE.read_bytes()
    except FileNotFoundError:
        return EnvFile()
    except OSError as error:
        return EnvFile(problems=(f"the file .env cannot be read: {error.strerror}",))
    try:
        text, problems = raw.decode(), []
    except UnicodeDecodeError:
        # Lines keep their numbers: one that is not text is empty.
        text = "\n".join(_decoded(line) for line in raw.splitlines())
        problems = ["the file .env is not UTF-8 text; save it as UTF-8"]
    bindings = list(parse_stream(StringIO(text)))
    problems += [problem for binding in bindings for problem in _problems(binding, ours)]
    sound = "".join(binding.original.string for binding in bindings if not binding.error)
    values = {name: value for name, value in dotenv_values(stream=StringIO(sound)).items() if value}
    foreign = (_line(binding) for binding in bindings if binding.error and not any(_named(binding, ours)))
    return EnvFile(values, tuple(problems), tuple(foreign), _repeated(bindings, ours))


def around(value: str) -> str | None:
    """Return what stands around a value of the environment and is part of it: quotes, or spaces.

    Shells and ``.env`` take quotes away; ``docker run --env-file`` does not, and a file that a secret is read
    from often ends in a line end.
    """
    if value != value.strip():
        return "spaces or a line end"
    return "quotes" if len(value) > 1 and value[0] == value[-1] and value[0] in "\"'" else None


def _decoded(line: bytes) -> str:
    try:
        return line.decode()
    except UnicodeDecodeError:
        return ""


def _problems(binding: Binding, ours: Collection[str]) -> Iterator[str]:
    """Yield what is wrong with a line of ours, also one that another line's open quote has swallowed."""
    lacks_value = binding.key is not None and binding.value is None
    if binding.error or lacks_value:
        for name, line in _named(binding, ours):
            remedy = f"write {name}=value, with both quotes or none"
            yield f"{name} in line {line} of .env cannot be read; {remedy}"


def _named(binding: Binding, ours: Collection[str]) -> Iterator[tuple[str, int]]:
    """Yield our variables that begin a line of a binding, with the number of the line."""
    text = binding.original.string
    first = binding.original.line
    for number, line in enumerate(text.splitlines(), start=first):
        found = _NAME.match(line)
        if found and found[1].upper() in ours:
            yield found[1].upper(), number


def _line(binding: Binding) -> int:
    """Return the number of the first line of a binding that is not blank."""
    text = binding.original.string
    return binding.original.line + text[: len(text) - len(text.lstrip())].count("\n")


def _repeated(bindings: list[Binding], ours: Collection[str]) -> dict[str, tuple[int, ...]]:
    lines: dict[str, tuple[int, ...]] = {}
    for binding in bindings:
        if binding.key is not None and not binding.error and binding.key.upper() in ours:
            name = binding.key.upper()
            lines[name] = (*lines.get(name, ()), _line(binding))
    return {name: where for name, where in lines.items() if len(where) > 1}
