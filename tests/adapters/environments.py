"""Environments of their own for the frameworks, which the project itself does without."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
INSTALL_SECONDS = 900


def python_with(extra: str, folder: Path) -> Path:
    """The Python of an environment that has this project with an extra.

    ``PYTHON_WITH_PIPECAT`` names one that is there already; else it is made, which takes a minute or two and
    300 MB and more.
    """
    variable = f"PYTHON_WITH_{extra.upper()}"
    if variable in os.environ:
        return Path(os.environ[variable])
    python = folder / extra / "bin" / "python"
    subprocess.run([sys.executable, "-m", "venv", str(folder / extra)], check=True, timeout=INSTALL_SECONDS)
    wanted = f"{ROOT}[{extra}]"
    installing = subprocess.run(
        [str(python), "-m", "pip", "install", "--quiet", "--editable", wanted],
        capture_output=True,
        text=True,
        timeout=INSTALL_SECONDS,
        check=False,
    )
    if installing.returncode:
        last = (installing.stderr.strip().splitlines() or ["?"])[-1]
        pytest.skip(f"pip cannot install .[{extra}] ({last}); set {variable} to a Python that has it")
    return python


def run_in(
    python: Path, script: Path, *arguments: str, seconds: float = 120, **environment: str
) -> "subprocess.CompletedProcess[str]":
    """Run a script in an environment, with this checkout of the project and the settings of the test."""
    return subprocess.run(
        [str(python), str(script), *arguments],
        capture_output=True,
        text=True,
        timeout=seconds,
        check=False,
        env={**os.environ, "PYTHONPATH": str(ROOT), **environment},
    )
