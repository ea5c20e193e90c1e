"""What docs/integrations has to copy: well formed, and with a real program behind it where one can be had."""

import configparser
import json
import os
import re
import shutil
import signal
import subprocess
import time
from pathlib import Path
from typing import get_args

import pytest
import yaml

from core.logs.line_formats import Format
from tests import forked

ROOT = Path(__file__).resolve().parents[1]
INTEGRATIONS = ROOT / "docs" / "integrations"
LINES = 10_000
_LOGGED = """
import sys
from core.logging_config import call_context, flush, get_logger, log_api_request, log_external_call
log = get_logger("speech")
for number in range(int(sys.argv[1])):
    with call_context(call_id=f"call_{number}", lead_id="lead_7", campaign="दीवाली"):
        if number % 4 == 0:
            text = "tab\\t, new\\nline, \\"quoted\\""
            extra = {"wait_ms": number / 7, "big": 2**63 - 1, "status": "ok", "empty": "", "off": False}
            extra["huge"] = 2**64 - 1
            log.info("turn %d \\U0001f4de", number, extra=extra | {"nested": {"a.b": [1, None, {"c": text}]}})
        elif number % 40 == 3:
            try:
                raise ValueError("x" * 9_000)
            except ValueError:
                log.exception("failed")
        elif number % 4 == 1:
            log_external_call(log, "deepgram", "transcribe", 143.5, ok=False, error="timeout")
        else:
            log_api_request(log, "POST", "/api/v1/calls", 503, 12.25)
    if number % 1_000 == 0:
        flush()
"""


def logged(file: Path, form: str, lines: int) -> list[dict[str, object]]:
    """Lines of the kinds that an agent writes, in one format, as they stand in the file."""
    env = {**os.environ, "LOG_FILE": str(file), "LOG_FORMAT": form}
    forked.run(["-c", _LOGGED, str(lines)], env=env, check=True, timeout=120, loaded=forked.LOGS)
    return [json.loads(line) for line in file.read_bytes().splitlines()]


def test_every_file_to_copy_is_well_formed() -> None:
    seen = set()
    for path in sorted(INTEGRATIONS.rglob("*")):
        seen.add(path.suffix)
        if path.suffix in {".yaml", ".yml"}:
            assert list(yaml.safe_load_all(path.read_text())), path
        elif path.suffix == ".json":
            assert json.loads(path.read_text()), path
        elif path.parent.name == "splunk" and path.suffix == ".conf":
            parser = configparser.ConfigParser(interpolation=None)
            parser.read_string(path.read_text())
            assert parser.sections(), path
    assert {".yaml", ".yml", ".json", ".conf"} <= seen


def test_one_line_that_is_too_long_costs_fluent_bit_and_elasticsearch_no_other() -> None:
    """The one would read no more of the file; the other rejects a document with a term of 32 KB."""
    read = yaml.safe_load((INTEGRATIONS / "fluent-bit" / "fluent-bit.yaml").read_text())
    assert all(one["skip_long_lines"] is True for one in read["pipeline"]["inputs"])
    template = json.loads((INTEGRATIONS / "elasticsearch" / "index-template.json").read_text())
    fields = template["template"]["mappings"]["properties"]
    keywords = {name: field for name, field in fields.items() if field["type"] == "keyword"}
    assert {name for name, field in keywords.items() if "ignore_above" not in field} == {
        "ecs.version",
        "log.level",
    }


def test_every_page_links_its_files_and_says_how_it_was_tested() -> None:
    for folder in (path for path in INTEGRATIONS.iterdir() if path.is_dir()):
        page = (folder / "README.md").read_text()
        unnamed = [file.name for file in folder.rglob("*.*") if f"]({file.relative_to(folder)})" not in page]
        assert unnamed == ["README.md"], folder
        assert re.search("[Tt]ested", page), folder


@pytest.mark.parametrize(
    ("page", "form"), [("elasticsearch", "ecs"), ("datadog", "datadog"), ("cloudwatch", "emf")]
)
def test_the_table_of_a_page_names_fields_that_a_line_has(page: str, form: str, tmp_path: Path) -> None:
    lines = logged(tmp_path / "agent.log", form, 8)
    names = {name for line in lines for name in _names(line)}
    table = re.findall(r"^\|[^|]+\|([^|]+)\|", (INTEGRATIONS / page / "README.md").read_text(), re.MULTILINE)
    if form == "emf":
        table = re.findall(r"^\|([^|]+)\|", (INTEGRATIONS / page / "README.md").read_text(), re.MULTILINE)
    said = {name for cell in table for name in re.findall(r"`([\w.@]+)`", cell)}
    said -= {"log_api_request", "log_external_call", "_ms", "_seconds", "trace.id", "span.id"}
    assert len(said) > 1
    assert said - names == set()


def _names(value: dict[str, object], before: str = "") -> set[str]:
    names = set()
    for key, item in value.items():
        names |= {f"{before}{key}"} | (_names(item, f"{before}{key}.") if isinstance(item, dict) else set())
    return names


@pytest.mark.full
@pytest.mark.parametrize("form", get_args(Format))
def test_rsyslog_loses_no_field_of_ten_thousand_lines(form: str, tmp_path: Path) -> None:
    """Debian's rsyslog with the file to copy; only its paths are changed."""
    program = shutil.which("rsyslogd", path=f"{os.environ['PATH']}:/usr/sbin:/sbin")
    if program is None:
        pytest.skip("no rsyslog: apt-get install rsyslog")
    lines = logged(tmp_path / "agent.log", form, LINES)
    assert len(lines) == LINES
    collected = tmp_path / "collected.log"
    configuration = (INTEGRATIONS / "rsyslog" / "voice-agent.conf").read_text()
    file = tmp_path / "rsyslog.conf"
    file.write_text(
        f'global(workDirectory="{tmp_path}")\n' + configuration.replace("/var/log/voice-agent", str(tmp_path))
    )
    server = subprocess.Popen([program, "-n", "-f", str(file), "-i", str(tmp_path / "pid")])
    try:
        deadline = time.monotonic() + 60
        while not collected.exists() or collected.read_bytes().count(b"\n") < LINES:
            assert server.poll() is None
            assert time.monotonic() < deadline, collected.read_bytes()[-2_000:] if collected.exists() else ""
            time.sleep(0.2)
    finally:
        server.send_signal(signal.SIGTERM)
        server.wait(timeout=20)
    assert [json.loads(line) for line in collected.read_bytes().splitlines()] == lines
