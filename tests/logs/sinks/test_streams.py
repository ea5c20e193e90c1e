"""Standard streams that are closed or stuck, and pipes that nobody reads."""

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests import forked

ROOT = Path(__file__).resolve().parents[3]
LINES = """
import sys
from core.logging_config import flush, get_logger
for number in range(int(sys.argv[1])):
    get_logger("api").info("line %d", number)
"""
OPENS_FILES = """
import sys
files = [open(name, "w") for name in sys.argv[1:]]
from core.logging_config import flush, get_logger
get_logger("api").error("a line")
flush()
for file in files:
    print(file.fileno(), file=file)
"""


@pytest.mark.parametrize("log_file", ["", "full"], ids=["stdout", "file"])
def test_a_program_started_without_streams_gets_no_line_into_files_of_its_own(
    tmp_path: Path, log_file: str
) -> None:
    """The first files it opens get the numbers of stdout and stderr."""
    names = [str(tmp_path / name) for name in ("one", "two", "three")]
    subprocess.run(
        ["/bin/sh", "-c", 'exec "$@" <&- >&- 2>&-', "sh", sys.executable, "-c", OPENS_FILES, *names],
        cwd=ROOT,
        env={**os.environ, **({"LOG_FILE": "/dev/full"} if log_file else {})},
        check=True,
        timeout=60,
    )
    assert [Path(name).read_text() for name in names] == ["0\n", "1\n", "2\n"]


def test_a_named_pipe_that_nobody_reads_holds_up_no_end(tmp_path: Path) -> None:
    """Its lines go to stderr meanwhile."""
    os.mkfifo(tmp_path / "pipe")
    began = time.monotonic()
    environment = {**os.environ, "LOG_FILE": str(tmp_path / "pipe")}
    done = forked.run(["-c", LINES, "10"], env=environment, loaded=forked.LOGS)
    assert time.monotonic() - began < 4
    assert [f"line {number}" in done.stderr for number in range(10)] == [True] * 10


@pytest.mark.full
def test_a_reader_that_takes_nothing_holds_up_the_end_once() -> None:
    """For the five seconds of one flush, however many want to flush at the end."""
    began = time.monotonic()
    reads, writes = os.pipe()
    program = [sys.executable, "-c", LINES, "5000"]
    assert subprocess.run(program, cwd=ROOT, stdout=writes, timeout=60, check=False).returncode == 0
    assert 4 < time.monotonic() - began < 9
    os.close(reads)
    os.close(writes)
