"""Writers for the fault tests, and what has to be true of the store when they are done."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from pymongo.database import Database

from core.storage.calls import from_document
from core.storage.recording.spool import spool_status
from core.types import Document
from tests.faults.writer import call, forms

ROOT = Path(__file__).resolve().parents[2]
CORRECTED_OF_TEN = 2
WRITERS = 2
Process = subprocess.Popen[bytes]


class Agents:
    """Writers that share the calls; a killed one begins again at the first that is not acknowledged."""

    def __init__(self, folder: Path, calls: int, callers: int = 64) -> None:
        self._calls, self._callers = calls, callers
        self._files = [folder / f"acknowledged_{number}" for number in range(WRITERS)]
        self._running: dict[int, Process] = {number: self._start(number) for number in range(WRITERS)}

    def _start(self, number: int) -> Process:
        done = set(self._lines(number))
        all_forms = forms(range(number, self._calls, WRITERS), CORRECTED_OF_TEN)
        first = next((pair[0] for pair in all_forms if pair not in done), self._calls)
        arguments = [first, self._calls, WRITERS, CORRECTED_OF_TEN, self._callers]
        with self._files[number].open("ab") as acknowledged:
            return subprocess.Popen(
                [sys.executable, "-m", "tests.faults.writer", *map(str, arguments)],
                cwd=ROOT,
                stdout=acknowledged,
                env={**os.environ, "LOG_FILE": os.devnull},
            )

    def _lines(self, number: int) -> Iterator[tuple[int, int]]:
        if self._files[number].exists():
            for line in self._files[number].read_text().splitlines():
                call_number, form = line.split()
                yield int(call_number), int(form)

    def finished(self) -> bool:
        """Whether every writer came to the end of its calls."""
        return all(process.poll() == 0 for process in self._running.values())

    def kill(self, number: int) -> None:
        """End one at once, wherever it is, and start it again."""
        process = self._running[number]
        process.kill()
        process.wait()
        self._running[number] = self._start(number)

    def stop(self) -> None:
        """End all."""
        for process in self._running.values():
            process.kill()
            process.wait()

    def acknowledged(self) -> dict[int, set[int]]:
        """The forms of each call that somebody was told are safe."""
        found: dict[int, set[int]] = {}
        for number in range(WRITERS):
            for call_number, form in self._lines(number):
                found.setdefault(call_number, set()).add(form)
        return found


def check(database: Database[Document], acknowledged: dict[int, set[int]], calls: int) -> None:
    """Every acknowledged call is stored, in a form no older than the newest that was acknowledged."""
    stored = {row["_id"]: from_document(row) for row in database["calls"].find()}
    assert len(acknowledged) == calls
    assert {f"call_{number}" for number in acknowledged} - stored.keys() == set()
    for number, known in acknowledged.items():
        assert stored[f"call_{number}"] in [call(number, form) for form in range(max(known), 2)]
    assert database["calls"].count_documents({}) == calls
    assert spool_status().lost == spool_status().dead == 0
