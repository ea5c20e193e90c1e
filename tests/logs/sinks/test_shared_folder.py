"""LOG_FILE in a folder that other users can write: what they put there under its name gets no line."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from core.doctor.computer import log_file
from core.doctor.result import State
from core.logs.sinks.log_file import LogFile
from core.logs.sinks.rotation import Rotation
from core.settings import get_settings

LINE = b'{"message": "hello"}\n'
NOBODY = 65_534
Plant = Callable[[Path, Path], None]


def link(name: Path, target: Path) -> None:
    name.symlink_to(target)


def dangling(name: Path, target: Path) -> None:
    target.unlink()
    name.symlink_to(target)


def second_name(name: Path, target: Path) -> None:
    name.hardlink_to(target)


def strangers_file(name: Path, _target: Path) -> None:
    if os.geteuid() != 0:
        pytest.skip("only root can give a file away: run it as root")
    name.touch()
    name.chmod(0o666)
    os.chown(name, NOBODY, -1)


def strangers_pipe(name: Path, _target: Path) -> None:
    if os.geteuid() != 0:
        pytest.skip("only root can give a file away: run it as root")
    os.mkfifo(name, 0o666)
    os.chown(name, NOBODY, -1)


@pytest.fixture
def shared(tmp_path: Path) -> Path:
    """A folder like /tmp."""
    folder = tmp_path / "shared"
    folder.mkdir()
    folder.chmod(0o1777)
    return folder


@pytest.fixture
def target(tmp_path: Path) -> Path:
    """A file of ours that somebody would have us write to."""
    file = tmp_path / "target"
    file.write_text("mine\n")
    return file


def doctor(file: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[State, str]:
    monkeypatch.setenv("LOG_FILE", str(file))
    get_settings.cache_clear()
    found = log_file(get_settings())
    return found.state, found.text


@pytest.mark.parametrize("plant", [link, dangling, second_name, strangers_file, strangers_pipe])
def test_lines_do_not_go_where_somebody_else_wants_them(
    shared: Path,
    target: Path,
    plant: Plant,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    """They go to stderr with the reason, and doctor says it."""
    file = shared / "voice.log"
    plant(file, target)
    before = target.read_bytes() if target.exists() else None
    sink = LogFile(file)
    assert sink.write(LINE) is not None
    assert "in a folder that others can write" in capfd.readouterr().err
    assert (target.read_bytes() if target.exists() else None) == before
    assert not file.is_file() or LINE not in file.read_bytes()
    state, text = doctor(file, monkeypatch)
    assert (state, "in a folder that others can write" in text) == (State.FAIL, True)


def test_a_file_of_our_own_is_written_and_doctor_warns(shared: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A shared folder alone is no reason to lose lines."""
    file = shared / "voice.log"
    for _ in range(2):
        sink = LogFile(file)
        assert sink.write(LINE) is None
        sink.close()
    assert file.read_bytes() == LINE * 2
    assert doctor(file, monkeypatch)[0] is State.WARN


def test_in_a_folder_of_our_own_a_link_is_followed(
    tmp_path: Path, target: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nobody but us has put it there."""
    file = tmp_path / "voice.log"
    file.symlink_to(target)
    sink = LogFile(file)
    assert sink.write(LINE) is None
    sink.close()
    assert target.read_bytes() == b"mine\n" + LINE
    assert doctor(file, monkeypatch)[0] is State.OK


def test_rotation_does_not_touch_what_a_link_leads_to(shared: Path, target: Path) -> None:
    """The lock beside the file may be somebody's link too."""
    file = shared / "voice.log"
    (shared / ".voice.log.lock").symlink_to(target)
    os.utime(target, (1, 1))
    sink = LogFile(file, rotation=Rotation(keep=2, max_bytes=30, hours=1))
    for _ in range(3):
        assert sink.write(LINE) is None
    sink.close()
    assert target.stat().st_mtime == 1
    assert file.read_bytes() == LINE * 3
