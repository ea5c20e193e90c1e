"""What starts everything at once, as a real process with a part that only sleeps."""

import os
import signal

import pytest

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
def test_a_closed_terminal_ends_everything_unless_nohup_says_it_must_not(
    how: str, ends_at: signal.Signals
) -> None:
    done = forked.run(["-c", LAUNCH, how], env=dict(os.environ), timeout=60)
    assert done.returncode == ends_at, done.stdout + done.stderr
