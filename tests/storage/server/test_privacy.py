"""Nobody else's files are believed, and the server knows nothing that it does not need."""

import os
import socket
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest

from core.errors import UserError
from core.models.metrics import CallMetrics
from core.settings import get_settings
from core.storage.recording.records import Record
from core.storage.recording.spool import Spool
from core.storage.server.embedded import find_mongod, start_embedded
from core.storage.server.folder import Folder
from tests.storage.server.test_embedded import User, said, servers, start, supervisor

__all__ = ["start"]
NOBODY = 65_534
root_only = pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files away: run it as root")


def theirs(path: Path) -> None:
    os.chown(path, NOBODY, NOBODY)


def open_to_all(path: Path) -> None:
    path.chmod(0o777)


@pytest.mark.parametrize("spoil", [pytest.param(theirs, marks=root_only), open_to_all])
@pytest.mark.parametrize("part", ["", "mongodb", "mongodb/db", "mongodb/socket"])
def test_a_data_folder_that_others_can_write_is_refused(
    tmp_path: Path, spoil: Callable[[Path], None], part: str
) -> None:
    """Who wrote there may have named a server of his own."""
    data = tmp_path / "data"
    (data / "mongodb" / "db").mkdir(parents=True, mode=0o700)
    (data / "mongodb" / "socket").write_bytes(b"/tmp/of/somebody/else.sock")
    (data / "mongodb" / "socket").chmod(0o600)
    spoil(data / part)
    with pytest.raises(UserError, match="cannot be used") as caught:
        start_embedded(data)
    assert str(data / part) in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("spoil", [pytest.param(theirs, marks=root_only), open_to_all])
def test_a_spool_that_others_can_write_is_neither_filled_nor_replayed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, spoil: Callable[[Path], None]
) -> None:
    """It may hold calls that nobody made."""
    monkeypatch.setenv("DATA_DIR", str(tmp_path / "data"))
    get_settings.cache_clear()
    spool = Spool()
    fields = {"start_time": "2024-10-24T10:00:00Z", "status": "completed", "direction": "outbound"}
    call = Record.now(CallMetrics.model_validate({"call_id": "c", **fields}))
    spool.put([call])
    spoil(spool.folder)
    with pytest.raises(PermissionError):
        spool.put([call])
    with spool.replaying() as ours:
        assert not ours


def test_the_server_and_its_supervisor_hold_no_secret(
    start: Callable[..., User], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever reads their environment finds none, and scripts do not run in the database."""
    secrets = ("SMTP_PASSWORD", "API_KEYS", "SPLUNK_HEC_TOKEN", "SOME_KEY_OF_THE_AGENTS")
    for name in secrets:
        monkeypatch.setenv(name, "hush-hush-hush-hush-hush-hush-hush")
    assert said(start()) == "ready"
    (server,) = servers(tmp_path / "data")
    for process in (server, supervisor(tmp_path / "data")):
        assert "hush" not in str(psutil.Process(process.pid).environ())
    assert "--noscripting" in server.cmdline()


@pytest.mark.parametrize("where", ["writable", "relative"])
def test_a_mongod_that_anybody_could_have_put_there_is_not_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, where: str
) -> None:
    """In a folder open to all, or in whatever folder a process starts in."""
    folder = tmp_path / "bin"
    folder.mkdir()
    planted = folder / "mongod"
    planted.write_text("#!/bin/sh\n")
    planted.chmod(0o755)
    monkeypatch.chdir(tmp_path)
    if where == "writable":
        folder.chmod(0o777)
    monkeypatch.setenv("PATH", f"{folder if where == 'writable' else 'bin'}:{os.environ['PATH']}")
    assert find_mongod().resolve() != planted.resolve()


def test_a_socket_of_another_user_is_not_asked(tmp_path: Path) -> None:
    """Beside one that is long enough to lie elsewhere, too."""
    data = tmp_path / ("d" * 110)
    (data / "mongodb").mkdir(parents=True, mode=0o700)
    elsewhere = tmp_path / "s"
    elsewhere.mkdir(mode=0o777)
    elsewhere.chmod(0o777)
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(elsewhere / "m.sock"))
        (elsewhere / "folder").write_bytes(os.fsencode(data / "mongodb"))
        (data / "mongodb" / "socket").write_bytes(os.fsencode(elsewhere / "m.sock"))

        assert Folder(data).socket is None
