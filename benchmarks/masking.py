"""Masking: microseconds a text, and what it finds and wrongly finds in the labelled corpus of the tests."""

import timeit
from collections import Counter
from statistics import mean, median
from typing import TYPE_CHECKING

from rich.console import Console
from rich.table import Table

from core.privacy import masking
from tests.privacy.corpus import clean, personal

if TYPE_CHECKING:
    from collections.abc import Callable

ROUNDS = 9


def main() -> None:
    """Print cost, recall by kind, false positives."""
    found, spared = personal(), clean()
    kinds = Counter(one.kind for one in found)
    caught = Counter(one.kind for one in found if one.secret not in masking.mask_text(one.text))
    table = Table(title=f"Masking: recall by kind, {len(found)} texts", title_justify="left")
    table.add_column("kind")
    table.add_column("texts", justify="right")
    table.add_column("recall", justify="right")
    for kind, count in kinds.items():
        table.add_row(kind, str(count), f"{caught[kind] / count:.3f}")
    table.add_row("all", str(len(found)), f"{caught.total() / len(found):.3f}")
    Console().print(table)
    touched = [one for one in spared if masking.mask_text(one.text) != one.text]
    print(f"False positives: {len(touched)} of {len(spared)} clean texts ({len(touched) / len(spared):.1%})")
    for one in touched:
        print(f"  {one.text}  becomes  {masking.mask_text(one.text)}")
    for name, texts in (("clean", spared), ("personal", found)):
        values = [_microseconds(one.text) for one in texts]
        print(
            f"{name} texts, none seen before: half take at most {median(values):.1f} µs, "
            f"the mean is {mean(values):.1f}, the slowest {max(values):.0f}"
        )


def _microseconds(text: str) -> float:
    """Of the masking itself, past the cache of short texts."""
    mask: Callable[[str], str] = masking._mask_text  # noqa: SLF001 (what the cache stands before)
    return min(timeit.repeat(lambda: mask(text), number=20, repeat=ROUNDS)) / 20 * 1e6


if __name__ == "__main__":
    main()
