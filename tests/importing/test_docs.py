"""What docs/importing.md says is so."""

import json
import re
from pathlib import Path

import pytest

from core.importing.fields import TABLES
from core.importing.mapping import Drop, EndTime, Mapping, Source, StartTime, load_mapping
from core.importing.values import Value
from tests.importing.helpers import Files

DOCS = Path(__file__).resolve().parents[2] / "docs"
TEXT = (DOCS / "importing.md").read_text(encoding="utf-8")


def block(language: str) -> str:
    """The first code block of a language."""
    match = re.search(rf"```{language}\n(.*?)```", TEXT, re.DOTALL)
    assert match
    return match[1]


def test_the_worked_example_does_what_it_says(files: Files) -> None:
    report = files.put(block("csv"), block("toml")).run(dry_run=True)
    shown = report.summary.replace(str(files.rejects), "data/imports/calls.rejected.jsonl")
    assert shown in TEXT
    expected = [json.loads(line) for line in block("json").splitlines()]
    rejected = files.rejected()
    assert [(row["line"], row["reason"]) for row in rejected] == [
        (row["line"], row["reason"]) for row in expected
    ]


def test_every_key_is_documented() -> None:
    tables = (Source, StartTime, EndTime, Value, Drop)
    keys = (
        {key for table in tables for key in table.model_fields}
        | (Mapping.model_fields.keys() - {"tables"})
        | TABLES.keys()
    )
    reference = TEXT[TEXT.index("## Reference") :]
    assert not {key for key in keys if f"`{key}`" not in reference and f"[{key}]" not in reference}


@pytest.mark.parametrize("path", sorted((DOCS / "mappings").glob("*.toml")), ids=lambda path: path.stem)
def test_every_mapping_that_ships_can_be_used(path: Path) -> None:
    assert load_mapping(path).fields
    assert path.name in TEXT
