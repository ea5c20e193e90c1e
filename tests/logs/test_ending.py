"""Lines that are logged while the interpreter ends: each is written, and nothing keeps the process alive."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PREAMBLE = "import asyncio, logging, time\nfrom core.logging_config import *\nlog = get_logger('api')\n"
CLIENT = """
class Client:
    def __del__(self):
        for number in range({lines}):
            time.sleep({pause})
            log.warning('client %d was never closed', number, extra={{'open': [1.5, 'x']}})
        try: 1 / 0
        except ZeroDivisionError: log.exception('closing failed')
"""
PENDING = """
setup_logging(libraries=True)
async def wait(): await asyncio.Event().wait()
loop = asyncio.new_event_loop()
task = loop.create_task(wait())
loop.run_until_complete(asyncio.sleep(0))
"""


def messages(code: str, file: Path, **env: str) -> list[str]:
    """What a process that runs this code and ends leaves in its LOG_FILE."""
    subprocess.run(
        [sys.executable, "-c", PREAMBLE + code],
        cwd=ROOT, env={**os.environ, "LOG_FILE": str(file), **env}, check=True, timeout=50,
    )  # fmt: skip
    lines = [json.loads(line) for line in file.read_bytes().splitlines()]
    return [str(line["message"]).split("\n")[0] for line in lines]


@pytest.mark.parametrize("before", ["", "log.info('before')\n"])
@pytest.mark.parametrize("pause", [0, 0.7])
@pytest.mark.parametrize("form", ["json", "datadog"])
def test_what_is_logged_as_the_last_objects_go_is_written(
    tmp_path: Path, before: str, pause: float, form: str
) -> None:
    """Whether or not a line came before, and in whichever second."""
    code = f"{before}{CLIENT.format(lines=2, pause=pause)}keep = Client()"
    found = messages(code, tmp_path / "new" / "agent.log", LOG_FORMAT=form, LOG_ROTATE_MB="1")
    said = [f"client {number} was never closed" for number in range(2)]
    assert found == [*(["before"] if before else []), *said, "closing failed"]


def test_asyncio_may_complain_of_a_pending_task_at_the_very_end(tmp_path: Path) -> None:
    """Its complaint is taken by ``libraries=True``, and is often the only line of a process."""
    assert messages(PENDING, tmp_path / "agent.log") == ["Task was destroyed but it is pending!"]


def test_a_shipper_is_not_started_when_the_interpreter_ends(tmp_path: Path) -> None:
    """The line is in the file; that it was not sent is said."""
    code = CLIENT.format(lines=1, pause=0) + "keep = Client()"
    env = {"SPLUNK_HEC_URL": "http://127.0.0.1:9/services/collector/event", "SPLUNK_HEC_TOKEN": "t-1"}
    found = messages(code, tmp_path / "agent.log", **env)
    assert [text for text in found if "Splunk" not in text] == [
        "client 0 was never closed", "closing failed",
    ]  # fmt: skip
    assert any("did not send" in text for text in found)
