"""Foreign text costs no more than its length: every pattern and loop, twice the text for twice the time."""

import importlib
import json
import pkgutil
import random
import re
import time
from collections.abc import Callable, Iterator
from itertools import product
from types import ModuleType
from typing import Any

import pytest

import core.logs
import core.privacy
from core.logs.event import Origin
from core.logs.log_reader import _parsed, shown
from core.logs.render import document_of, encode
from core.logs.requests import _operation
from core.privacy.keys import kind_of
from core.privacy.masking import mask_text, mask_value

Act = Callable[[str], object]
_LENGTHS = (200, 800)
"""Characters; a text four times as long may take eight times as long before it is looked at more closely."""
_CONFIRMATIONS = ((1_000, 3), (1_500, 3), (2_000, 5))
_MOST_TIMES_FOR_TWICE = 3.0
_SIGNS = (
    " ",
    "\t",
    "\n",
    "a",
    "Z",
    "7",
    "é",
    "न",
    "९",
    "-",
    ".",
    ":",
    "=",
    "/",
    "@",
    "_",
    "'",
    '"',
    "\\",
    "+",
)
_JOINED = (
    "7 ",
    "7-",
    "a ",
    "a.",
    "a@",
    "a=",
    "a:",
    "a-7",
    "7, ",
    "://",
    "x.y",
    " = ",
    '\\"',
    "<a>",
    "7.7",
    "A1",
)
_ENDS = ("", "!", "x 50718263", " 9840117362", "@b.in")
_FEW_WORDS = 12
_TEXTS = 300
"""Of some thousands that could be made for a pattern; always the same ones."""


def _modules() -> Iterator[ModuleType]:
    for package in (core.privacy, core.logs):
        for found in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
            yield importlib.import_module(found.name)


def _patterns_in(value: object) -> Iterator[re.Pattern[str]]:
    if isinstance(value, re.Pattern) and isinstance(value.pattern, str):
        yield value
    elif isinstance(value, tuple | list | set | frozenset):
        for item in value:
            yield from _patterns_in(item)
    elif isinstance(value, dict):
        yield from _patterns_in(list(value.values()))


PATTERNS = {
    f"{module.__name__}.{name}.{number}": pattern
    for module in _modules()
    for name, value in vars(module).items()
    for number, pattern in enumerate(_patterns_in(value))
}
ACTS: dict[str, Act] = {
    "mask_text": mask_text,
    "mask_value": lambda text: mask_value({text: [text], "phone": text, "order_id": text}),
    "kind_of": kind_of.__wrapped__,
    "operation": lambda text: _operation("GET", f"/{text}"),
    "line": lambda text: encode(
        document_of(
            (
                0.0,
                20,
                f"voice_agent.{text}",
                text,
                (),
                {},
                {text: text},
                Origin(text, text),
                1,
                None,
                None,
                None,
            )
        )
    ),
    "reader": lambda text: shown({"level": text, "message": text, text: [text]}),
    "parsed": lambda text: _parsed(json.dumps({"message": text}).encode()),
}
WORDS = (
    "account",
    "a/c no",
    "khata",
    "upi id",
    "password",
    "otp is",
    "Cookie:",
    "eyJ",
    "https://",
    "token=",
    "+91",
)


def _words_of(pattern: str) -> list[str]:
    """What a pattern looks for literally, the longest first: a text of these makes it try hardest."""
    plain = re.sub(r"\\[A-Za-z]|\(\?[^)]{0,3}", "\0", pattern)
    found = set(re.findall(r"[A-Za-z/@:=.+\u0900-\u097f-]{2,}", plain))
    return sorted(found, key=lambda word: (-len(word), word))[:_FEW_WORDS]


def _texts(words: list[str]) -> Iterator[Callable[[int], str]]:
    """Functions from a length to a text: a word, a fragment over and over, and an end that does not fit."""
    chance = random.Random(len(words))  # noqa: S311 (a choice that can be made again)
    fragments = [*_SIGNS, *_JOINED, *words, *(f"{word} " for word in words), *(f"{word}7" for word in words)]
    every = list(product(["", *words], fragments, _ENDS))
    blanks = [made for made in every if made[1].isspace() and made[2] == _ENDS[2]]
    for begin, fragment, end in blanks + chance.sample(every, min(_TEXTS, len(every))):
        yield lambda length, b=begin, f=fragment, e=end: b + (f * (length // len(f) + 1))[:length] + e  # type: ignore[misc]


def _seconds(act: Act, text: str, repeats: int = 1) -> float:
    """The least time of several, and of no other thread."""
    least = float("inf")
    for _ in range(repeats):
        began = time.thread_time()
        act(text)
        least = min(least, time.thread_time() - began)
    return least


def _is_linear(act: Act, text_of: Callable[[int], str]) -> bool:
    short, long = (_seconds(act, text_of(length)) for length in _LENGTHS)
    if long < 8 * short or long < 0.001:
        return True
    return any(
        _seconds(act, text_of(2 * length), repeats)
        < _MOST_TIMES_FOR_TWICE * _seconds(act, text_of(length), repeats)
        for length, repeats in _CONFIRMATIONS
    )


def _first_slow(act: Act, words: list[str]) -> str | None:
    for text_of in _texts(words):
        if not _is_linear(act, text_of):
            return text_of(40)
    return None


def test_the_patterns_of_masking_and_logging_are_all_found() -> None:
    """A pattern that nobody looks at could be the slow one."""
    assert {name.rsplit(".", 2)[0] for name in PATTERNS} >= {
        f"core.privacy.{name}" for name in ("credentials", "identities", "keys", "numbers")
    } | {"core.logs.requests"}


@pytest.mark.parametrize("name", PATTERNS)
def test_no_pattern_takes_more_than_twice_as_long_for_twice_the_text(name: str) -> None:
    """As one word, fragment and end after the other, made from what the pattern looks for."""
    pattern = PATTERNS[name]
    search: Any = lambda text: [0 for _ in pattern.finditer(text)]  # noqa: E731 (short)
    assert _first_slow(search, _words_of(pattern.pattern)) is None


@pytest.mark.parametrize("name", ACTS)
def test_nothing_done_to_foreign_text_takes_more_than_twice_as_long_for_twice_of_it(name: str) -> None:
    """Masking, naming, logging and reading a text, with the loops around the patterns."""
    assert _first_slow(ACTS[name], list(WORDS)) is None


@pytest.mark.parametrize("names", ["a_key=", "a_key=1", "azure-key: b"])
def test_a_word_of_a_thousand_names_of_keys_takes_no_long_look(names: str) -> None:
    """Each name looked through the rest of the word for a digit: 36 kB took 2.5 s."""

    def seconds(times: int) -> float:
        began = time.perf_counter()
        mask_text(f"{times} {names * times}/")
        return time.perf_counter() - began

    assert min(seconds(6_000) for _ in range(3)) < 1
