"""Find free names for fields whose own name is taken, so that nothing is lost when two become the same."""

from collections.abc import Container

_MOST_PREFIXES = 3


def free_name(name: str, taken: Container[str], counts: dict[str, int]) -> str:
    """Return the name, or ``name_2``, ``name_3`` … if it is taken.

    ``counts`` is kept from one field to the next, so that thousands of fields with one name stay cheap.
    """
    if name not in taken:
        return name
    number = counts.get(name, 1) + 1
    while (free := f"{name}_{number}") in taken:
        number += 1
    counts[name] = number
    return free


def extra_name(name: str, taken: Container[str], counts: dict[str, int]) -> str:
    """Return ``extra_name`` for a field named like one of a line's own, numbered if that is taken too."""
    for _ in range(_MOST_PREFIXES):
        if name not in taken:
            return name
        name = f"extra_{name}"
    return free_name(name, taken, counts)
