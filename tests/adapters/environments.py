"""Environments of their own for the frameworks, which the project itself does without."""

import fcntl
import os
import subprocess
from pathlib import Path

import pytest

from tests.installing import ROOT, made_by_pip, made_by_uv

INSTALL_SECONDS = 900


def python_with(extra: str, factory: pytest.TempPathFactory) -> Path:
    """The Python of an environment that has this project with an extra, made once for all workers.

    ``PYTHON_WITH_PIPECAT`` names one that is there already; else it is made: by uv in seconds, by pip in a
    minute or two, and it has 300 MB and more.
    """
    variable = f"PYTHON_WITH_{extra.upper()}"
    if variable in os.environ:
        return Path(os.environ[variable])
    folder = factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        folder = folder.parent  # all workers have it
    environment = folder / f"with_{extra}"
    done = environment / "done"
    with (folder / f"with_{extra}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        wanted = "--editable", f"{ROOT}[{extra}]"
        if not done.exists() and not made_by_uv(environment, *wanted):
            reason = made_by_pip(environment, *wanted, seconds=INSTALL_SECONDS)
            if reason:
                pytest.skip(
                    f"pip cannot install .[{extra}] ({reason}); set {variable} to a Python that has it"
                )
        done.touch()
    return environment / "bin" / "python"


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
