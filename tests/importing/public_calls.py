"""Real calls that others have published: where they lie, and what to do where they do not."""

from pathlib import Path

import pytest

PROJECT = Path(__file__).resolve().parents[2]
MAPPINGS = PROJECT / "docs" / "mappings"
_DATA = PROJECT.parent / "shared" / "data"
TECHNION = _DATA / "technion_calls" / "january1999.txt"
UCI = _DATA / "uci_bank_marketing" / "bank-full.csv"


def needs(file: Path) -> pytest.MarkDecorator:
    """Skip a test where its calls are missing."""
    remedy = f"get it from whom docs/importing.md names, and put it at {file}"
    return pytest.mark.skipif(not file.exists(), reason=f"{file.name} is missing: {remedy}")
