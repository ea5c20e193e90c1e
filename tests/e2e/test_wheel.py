"""The wheel and the sdist: installed where the sources are not, they are the whole product."""

import os
import shutil
import signal
import subprocess
import sys
import tarfile
import zipfile
from collections.abc import Iterator
from pathlib import Path

import httpx2
import pytest

from tests.installing import ROOT, UV, uv
from tests.ports import free_port

READY_WITHIN_SECONDS = 300
pytestmark = [
    pytest.mark.full,
    pytest.mark.skipif(not UV.exists(), reason="uv is missing: run make test once, or pip install uv"),
]


def done(*arguments: str | Path) -> None:
    by_uv = uv(*arguments)
    assert by_uv.returncode == 0, by_uv.stderr


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the sdist, and with the wheel that was made from it."""
    folder = tmp_path_factory.mktemp("dist")
    done("build", "--no-build-isolation", "--python", sys.executable, "--out-dir", folder)
    return folder


@pytest.fixture
def installed(built: Path, tmp_path: Path) -> Iterator[Path]:
    """The programs of an environment that has the wheel and what the lock names, nothing else."""
    environment = tmp_path / "fresh"
    done("venv", "--quiet", "--python", sys.executable, environment)
    python = environment / "bin" / "python"
    (wheel,) = built.glob("*.whl")
    done("pip", "install", "--python", python, "--require-hashes", "-r", ROOT / "requirements.lock")
    done("pip", "install", "--python", python, "--no-deps", wheel)
    done("pip", "check", "--python", python)
    yield environment / "bin"
    shutil.rmtree(environment)


def test_the_wheel_has_every_file_that_the_sources_have(built: Path) -> None:
    (wheel,), (sdist,) = built.glob("*.whl"), built.glob("*.tar.gz")
    with zipfile.ZipFile(wheel) as packed:
        there = set(packed.namelist())
    folders = ("core", "dashboard", "pages", "streamlit_config", "docs/runbooks", "docs/mappings")
    listing = ["git", "ls-files", "run_scheduler.py", *folders]
    tracked = subprocess.check_output(listing, cwd=ROOT, text=True).split()
    assert len(tracked) > 300
    assert sorted(set(tracked) - there) == []
    with tarfile.open(sdist) as packed_sources:
        names = {name.partition("/")[2] for name in packed_sources.getnames()}
    assert {"LICENSE", "NOTICE", "README.md", "CHANGELOG.md", "requirements.lock"} <= names


@pytest.mark.timeout(READY_WITHIN_SECONDS + 180)
def test_an_installed_wheel_runs_the_demo_far_from_the_sources(installed: Path, tmp_path: Path) -> None:
    ports = {"DASHBOARD_PORT": str(free_port()), "API_PORT": str(free_port())}
    environment = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"}
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    demo = subprocess.Popen(
        [installed / "voice-agent-monitoring", "demo"],
        cwd=elsewhere,
        env=environment | ports | {"DATA_DIR": str(tmp_path / "data")},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )
    try:
        printed = ""
        while demo.stdout and "Ctrl-C stops everything" not in printed:
            line = demo.stdout.readline()
            assert line, printed
            printed += line
        assert printed.startswith("Starting a demo")
        api, dashboard = (f"http://127.0.0.1:{ports[name]}" for name in ("API_PORT", "DASHBOARD_PORT"))
        assert httpx2.get(f"{api}/api/v1/analytics/metrics").json()["total_calls"] > 100
        assert httpx2.get(f"{api}/docs").status_code == 200
        assert httpx2.get(f"{dashboard}/_stcore/health").text == "ok"
        count = "from core.alerting.runbooks import titles; print(len(titles()))"
        runbooks = subprocess.check_output(
            [installed / "python", "-c", count], cwd=elsewhere, env=environment, text=True
        )
        assert int(runbooks) == len([*(ROOT / "docs" / "runbooks").glob("*.md")])
    finally:
        demo.send_signal(signal.SIGINT)
        demo.communicate(timeout=60)
