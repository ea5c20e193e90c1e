"""Small made-up files and mappings."""

import json
from pathlib import Path
from typing import Any

from core.importing import ImportReport, import_file
from core.importing.convert import Converter, RowRejectedError
from core.importing.mapping import load_mapping
from core.importing.reading.files import find_parts
from core.importing.reading.table import check_columns, open_table
from core.models.metrics import CallMetrics

SIMPLE = """
start_time = "started"
[fields]
call_id = "id"
status = "status"
direction = { constant = "outbound" }
duration_seconds = "seconds"
"""


class Files:
    """A folder with one file to import and its mapping."""

    def __init__(self, folder: Path) -> None:
        self.data = folder / "calls.csv"
        self.mapping = folder / "map.toml"
        self.rejects = folder / "out" / "calls.rejected.jsonl"

    def put(self, data: str | bytes, mapping: str = SIMPLE) -> "Files":
        """Write both."""
        self.data.write_bytes(data.encode() if isinstance(data, str) else data)
        self.mapping.write_text(mapping, encoding="utf-8")
        return self

    def convert(self) -> list[CallMetrics | str]:
        """Each row's call, or the reason why it is none; nothing is stored."""
        mapping = load_mapping(self.mapping)
        parts = find_parts([self.data])
        check_columns(parts, mapping.source, mapping.columns(), mapping.needed())
        results: list[CallMetrics | str] = []
        for part in parts:
            converter = Converter(mapping, part.name)
            with open_table(part, mapping.source, mapping.columns(), mapping.needed()) as table:
                for row in table:
                    try:
                        results.append(converter.convert(row).call)
                    except RowRejectedError as error:
                        results.append(f"{row.line}: {error}")
        return results

    def calls(self) -> list[CallMetrics]:
        """The calls of a file in which every row is one."""
        results = self.convert()
        assert not [result for result in results if isinstance(result, str)]
        return [result for result in results if isinstance(result, CallMetrics)]

    def run(self, *, dry_run: bool = False) -> ImportReport:
        """Import it into the test's database."""
        return import_file(self.data, self.mapping, rejects=self.rejects, dry_run=dry_run)

    def rejected(self) -> list[dict[str, Any]]:
        """The file of rejected rows."""
        return [json.loads(line) for line in self.rejects.read_text().splitlines()]
