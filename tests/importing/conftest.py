from pathlib import Path

import pytest

from tests.importing.helpers import Files


@pytest.fixture
def files(tmp_path: Path) -> Files:
    """An empty folder for a file and its mapping."""
    return Files(tmp_path)
