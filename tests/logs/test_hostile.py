"""Whatever is logged gives exactly one valid line and no exception, whichever way it takes."""

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.parametrize("way", ["alone", pytest.param("beside", marks=pytest.mark.full)])
def test_anything_at_all_can_be_logged(tmp_path: Path, way: str) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "tests.logs.hostile", str(tmp_path / "agent.log"), way],
        cwd=ROOT, capture_output=True, text=True, timeout=170, check=False,
    )  # fmt: skip
    assert done.returncode == 0, f"{done.stdout[-500:]}\n{done.stderr[-6000:]}"
    assert done.stderr == ""
