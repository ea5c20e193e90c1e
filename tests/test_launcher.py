"""What starts everything at once, as a real process with a part that only sleeps."""

import os
import signal
from io import StringIO
from pathlib import Path

import pytest
from rich.console import Console

from core.launcher import Launcher, Part, _banner
from core.settings import get_settings
from tests import forked

LAUNCH = """
import os, signal, sys, threading
from rich.console import Console
from core.launcher import Launcher, Part
from core.settings import get_settings
signal.signal(signal.SIGHUP, getattr(signal, sys.argv[1]))
sent = []
def send(number):
    sent.append(number)
    os.kill(os.getpid(), number)
for seconds, number in ((1, signal.SIGHUP), (2.5, signal.SIGTERM)):
    timer = threading.Timer(seconds, send, [number])
    timer.daemon = True
    timer.start()
part = Part("sleeper", ("-c", "import time; time.sleep(60)"))
assert Launcher(get_settings(), [part], Console()).run("ready") == 0
sys.exit(sent[-1])
"""


@pytest.mark.parametrize(
    ("how", "ends_at"), [("SIG_DFL", signal.SIGHUP), ("SIG_IGN", signal.SIGTERM)], ids=["plain", "nohup"]
)
@pytest.mark.full
def test_a_closed_terminal_ends_everything_unless_nohup_says_it_must_not(
    how: str, ends_at: signal.Signals
) -> None:
    done = forked.run(["-c", LAUNCH, how], env=dict(os.environ), timeout=60)
    assert done.returncode == ends_at, done.stdout + done.stderr


def test_where_the_store_is_can_be_copied_whatever_its_folder_is_called(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """On one line each, even in a narrow terminal; brackets in a path are no markup."""
    folder = tmp_path / "[bold]a folder with a name that is longer than most terminals are wide[/bold]"
    monkeypatch.setenv("DATA_DIR", str(folder))
    get_settings.cache_clear()
    shown = StringIO()
    ends = Part("sleeper", ("-c", "pass"))
    banner = _banner(get_settings(), demo=False, mail=None)
    assert Launcher(get_settings(), [ends], Console(file=shown, width=60)).run(banner) == 1
    lines = shown.getvalue().splitlines()
    assert f"  Logs       {folder}/logs" in lines
    assert f"Its output is in {folder}/logs/sleeper.log" in lines
    assert any(line.startswith(f"  Store      embedded MongoDB in {folder}, database ") for line in lines)
