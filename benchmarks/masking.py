"""Masking: recall and false positives by kind in two corpora, and its cost next to a naive pattern.

``python -m benchmarks.masking --table`` prints the table of docs/masking.md.
"""

import re
import sys
import time
import timeit
from collections import Counter
from collections.abc import Callable, Sequence
from statistics import mean, median

from rich.console import Console
from rich.table import Table

from benchmarks.setup.goals import FIGURES
from benchmarks.setup.results import note
from core.privacy import masking
from tests.privacy.corpus import Labelled, clean, personal
from tests.privacy.heard import heard, heard_clean
from tests.privacy.introduced import NOBODY

ROUNDS = 9
NAIVE = re.compile(
    r"(?:\+?91[ -]?)?[6-9]\d{9}|\d{4}[ -]?\d{4}[ -]?\d{4}|[A-Z]{5}\d{4}[A-Z]"
    r"|[\w.+-]+@[\w-]+\.[\w.]+|\b\d{4,8}\b"
)
"""What one might write in an afternoon: phones, Aadhaar, PAN, email addresses, codes."""


def recall_by_kind() -> dict[str, tuple[int, int]]:
    """Return, by kind, the number of texts in both corpora and how many were masked."""
    found = [*personal(), *heard()]
    kinds = Counter(one.kind for one in found)
    caught = Counter(one.kind for one in found if one.secret not in masking.mask_text(one.text))
    return {kind: (count, caught[kind]) for kind, count in sorted(kinds.items())}


def touched() -> tuple[list[Labelled], int]:
    """Return the clean texts that were changed, and the number of clean texts."""
    spared = [*clean(), *heard_clean()]
    return [one for one in spared if masking.mask_text(one.text) != one.text], len(spared)


def table() -> str:
    """Return the table of docs/masking.md."""
    rows = "".join(f"| {kind} | {n} | {hit / n:.3f} |\n" for kind, (n, hit) in recall_by_kind().items())
    wrong, n = touched()
    last = f"| clean texts that are changed | {n} | {len(wrong) / n:.3f} |\n"
    return f"| kind | texts | recall |\n|---|---|---|\n{rows}{last}"


def main() -> None:
    """Print cost, recall by kind, false positives."""
    if "--table" in sys.argv:
        sys.stdout.write(table())
        return
    found = recall_by_kind()
    shown = Table(title="Masking: recall by kind", title_justify="left")
    for name, justify in (("kind", "left"), ("texts", "right"), ("recall", "right")):
        shown.add_column(name, justify=justify)  # type: ignore[arg-type] # the two of them
    for kind, (count, hit) in found.items():
        shown.add_row(kind, str(count), f"{hit / count:.3f}")
    Console().print(shown)
    wrong, spared = touched()
    print(f"False positives: {len(wrong)} of {spared} clean texts ({len(wrong) / spared:.1%})")
    for one in wrong:
        print(f"  {one.text}  becomes  {masking.mask_text(one.text)}")
    begun = set(NOBODY.strip().splitlines())
    spared_texts = [one.text for one in (*clean(), *heard_clean())]
    _print_cost("clean", [text for text in spared_texts if text not in begun])
    _print_cost("clean, that begin like an introduction,", sorted(begun))
    _print_cost("personal", [one.text for one in (*personal(), *heard())])


def _print_cost(name: str, texts: Sequence[str]) -> None:
    mask: Callable[[str], str] = masking._mask_text  # noqa: SLF001 (without its cache)
    values = [_microseconds(mask, text) for text in texts]
    naive = [_microseconds(lambda text: NAIVE.sub("[x]", text), text) for text in texts]
    if name in FIGURES["masking"]:
        note("masking", name, median(values), median(naive))
    print(
        f"{name} texts, uncached: median {median(values):.1f} µs, mean {mean(values):.1f}, maximum "
        f"{max(values):.0f}; naive pattern: median {median(naive):.1f}, mean {mean(naive):.1f}; ratio of the "
        f"medians {median(values) / median(naive):.1f}, of the means {mean(values) / mean(naive):.1f}"
    )


def _microseconds(act: Callable[[str], str], text: str) -> float:
    return min(timeit.repeat(lambda: act(text), number=20, repeat=ROUNDS, timer=time.process_time)) / 20 * 1e6


if __name__ == "__main__":
    main()
