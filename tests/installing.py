"""Packages for environments that tests make: by uv, which takes seconds, where it is there and can."""

import os
import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
UV = Path(sys.executable).with_name("uv")
_UV_SECONDS = 240


def uv(*arguments: str | Path) -> "subprocess.CompletedProcess[str]":
    """Run uv in the project's folder, with the index that pip is told of: it reads no settings of pip's.

    Raises:
        OSError: there is no uv.
        subprocess.TimeoutExpired: after four minutes.
    """
    pip = [sys.executable, "-m", "pip", "config", "list"]
    told = subprocess.run(pip, capture_output=True, text=True, check=False).stdout
    indexes = [{"UV_DEFAULT_INDEX": found} for found in re.findall(r"[.:]index-url='(.*)'", told)[-1:]]
    return subprocess.run(
        [UV, *arguments],
        cwd=ROOT,
        env=(indexes[0] if indexes else {}) | os.environ,
        capture_output=True,
        text=True,
        timeout=_UV_SECONDS,
        check=False,
    )


def made_by_uv(folder: Path, *packages: str) -> bool:
    """Make a virtual environment with these; False where uv cannot, then pip may.

    Its files are hard links to those of uv's cache, so that a second environment takes no room.
    """
    python = folder / "bin" / "python"
    try:
        made = uv("venv", "--quiet", "--clear", "--python", sys.executable, folder)
        if made.returncode == 0:
            made = uv("pip", "install", "--quiet", "--python", python, *packages)
    except (OSError, subprocess.TimeoutExpired):
        return False
    return made.returncode == 0


def made_by_pip(folder: Path, *packages: str, seconds: float) -> str:
    """Make a virtual environment with these, in minutes; why it could not, empty where it could."""
    subprocess.run([sys.executable, "-m", "venv", "--clear", folder], check=True, timeout=seconds)
    done = subprocess.run(
        [folder / "bin" / "python", "-m", "pip", "install", "--quiet", *packages],
        capture_output=True,
        text=True,
        timeout=seconds,
        check=False,
    )
    return (done.stderr.strip().splitlines() or ["?"])[-1] if done.returncode else ""
