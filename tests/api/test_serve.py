"""The API as a process of its own: who on this machine is let in, and under load."""

import os
import subprocess
import sys

import pytest

ASK = """
import encodings.idna, os, socket, sys
_, port, path, user = sys.argv
os.setuid(int(user))
with socket.create_connection(("127.0.0.1", int(port)), 10) as asked:
    asked.sendall(f"GET {path} HTTP/1.1\\r\\nHost: localhost\\r\\n\\r\\n".encode())
    print(asked.recv(12)[-3:].decode())
"""
NOBODY = 65_534


@pytest.mark.full
@pytest.mark.skipif(
    os.getuid() != 0 or sys.platform != "linux", reason="only root can be another user: run it as root"
)
def test_another_user_of_the_machine_is_turned_away(served: str) -> None:
    """What the files keep from other users the port does not give away."""
    for path in ("/healthz", "/api/v1/analytics/calls?start_date=2026-11-20"):
        asked = []
        for user in (os.getuid(), NOBODY):
            command = [sys.executable, "-I", "-c", ASK, served.rpartition(":")[2], path, str(user)]
            asked.append(subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip())
        assert asked == ["200", "403"], path
