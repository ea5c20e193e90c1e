"""``python -m dashboard``: serve the app with the options of streamlit_config/config.toml.

DASHBOARD_HOST and DASHBOARD_PORT set where it listens; STREAMLIT_* variables override any option.
"""

import argparse
import asyncio
import contextlib
import ctypes
import gc
import os
import signal
import socket
import sys
import tomllib
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from types import FrameType
from typing import Any, NoReturn

import streamlit as st
from starlette.middleware import Middleware
from streamlit.web.server.starlette import starlette_server

from core.access.proxied import proxied_roles
from core.errors import UserError
from core.peers import number_of
from core.ports import check_free
from core.settings import Settings, get_settings
from core.storage.server.connection import close_all
from core.types import dotted
from core.variables.kinds import is_loopback
from dashboard.guard import OwnPagesOnly
from dashboard.sign_in.door import SignedInOnly

ROOT = Path(__file__).resolve().parents[1]
CONFIG = ROOT / "streamlit_config" / "config.toml"


def _from_environment(environ: Mapping[str, str]) -> dict[str, Any]:
    """Return the Streamlit options set by variables: ``STREAMLIT_SERVER_MAX_UPLOAD_SIZE`` for one."""
    names = {option.env_var: name for name, option in st.config.get_config_options().items()}
    return {names[key]: _typed(names[key], key, value) for key, value in environ.items() if key in names}


def _typed(name: str, variable: str, value: str) -> Any:  # noqa: ANN401 (an option's own type)
    kind = type(st.get_option(name))
    if kind is bool:
        return value.strip().lower() in {"1", "true", "yes", "on"}
    try:
        return kind(value) if kind in {int, float} else value
    except ValueError:
        raise UserError(f"{variable} must be a number") from None


def configuration() -> dict[str, Any]:
    """Return the Streamlit options to start with.

    Raises:
        UserError: the address is reachable from elsewhere without sign-in, or a variable is invalid.
    """
    settings = get_settings()
    options = dict(dotted(tomllib.loads(CONFIG.read_text())))
    options |= {"server.address": settings.dashboard_host, "server.port": settings.dashboard_port}
    options |= {"server.allowedHosts": []}  # OwnPagesOnly decides, and knows DASHBOARD_PUBLIC_URL
    options |= _from_environment(os.environ)
    refuse_open_door(settings, str(options["server.address"]))
    return options


def refuse_open_door(settings: Settings, address: str) -> None:
    """Refuse to listen beyond this machine without sign-in, or with sign-in that cannot work.

    Raises:
        UserError: one line with the variable and the remedy.
    """
    if settings.dashboard_proxy_user is not None:
        number_of(settings.dashboard_proxy_user)
    if settings.dashboard_sign_in == "none":
        if not is_loopback(address):
            raise UserError(
                f"DASHBOARD_HOST is {address}, but without sign-in the dashboard serves this machine only: "
                "set it to 127.0.0.1, and reach it from elsewhere through an SSH tunnel; or set "
                "DASHBOARD_SIGN_IN=users"
            )
        return
    if settings.dashboard_sign_in == "proxy":
        proxied_roles(settings)
    if not is_loopback(address) and settings.dashboard_public_url is None:
        raise UserError(
            f"DASHBOARD_HOST is {address}, but DASHBOARD_PUBLIC_URL is not set, and the dashboard answers at "
            "that address only: set it to the one people open"
        )


COLLECTED_SECONDS = 30
"""How often memory is freed that only circular references hold: each page that was left."""


@asynccontextmanager
async def _warm(_app: st.App) -> AsyncIterator[None]:
    """Import what every page needs, and freeze it, as the garbage collector need not look at it again."""
    import dashboard.panels.volume  # noqa: PLC0415 (in the server, before the first reader)
    import dashboard.queries  # noqa: F401, PLC0415 (loaded before the first reader)

    gc.collect()
    gc.freeze()
    collecting = asyncio.create_task(_collect())
    yield
    collecting.cancel()


async def _collect() -> None:
    while True:
        await asyncio.sleep(COLLECTED_SECONDS)
        gc.collect()


_M_MMAP_THRESHOLD = -3  # malloc.h
LARGE_BYTES = 128 * 1024


def return_large_blocks() -> None:
    """Have the C library return each block of LARGE_BYTES and more to the system once it is free.

    glibc starts with that limit and raises it to the largest block ever freed, up to 32 MiB. Frames and
    answers of that size then lie between small objects, and a fifth of this process's memory was free, but
    could not be returned. Other C libraries do not have the setting.
    """
    if "MALLOC_MMAP_THRESHOLD_" in os.environ:
        return
    with contextlib.suppress(OSError, AttributeError):
        ctypes.CDLL(None).mallopt(_M_MMAP_THRESHOLD, LARGE_BYTES)


def send_at_once() -> None:
    """Disable Nagle's algorithm on all connections; Streamlit has no setting for it.

    asyncio does so by itself, but not for sockets created the way Streamlit does: the last small message of
    a run arrived up to 40 ms late.
    """
    bind = starlette_server._bind_socket  # noqa: SLF001 (Streamlit has no public place for it)

    def listen(address: str, port: int, backlog: int) -> socket.socket:
        listening = bind(address, port, backlog)
        listening.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return listening

    starlette_server._bind_socket = listen  # noqa: SLF001 (Streamlit has no public place for it)


def _middleware() -> list[Middleware]:
    if get_settings().dashboard_sign_in == "none":
        return [Middleware(OwnPagesOnly)]
    # Uvicorn would replace the peer by what its header claims; the door decides whom to trust.
    os.environ["FORWARDED_ALLOW_IPS"] = ""
    return [Middleware(OwnPagesOnly), Middleware(SignedInOnly)]


def _stop(_signal: int, _frame: FrameType | None) -> NoReturn:
    raise SystemExit(0)


def main() -> int:
    """Serve until Ctrl-C or SIGTERM; return 2 if the configuration is invalid."""
    argparse.ArgumentParser(
        prog="python -m dashboard",
        description="Serve the dashboard on DASHBOARD_HOST:DASHBOARD_PORT (127.0.0.1:3000). "
        "Press Ctrl-C to stop it. Settings: docs/dashboard.md.",
    ).parse_args()
    try:
        options = configuration()
        check_free("DASHBOARD", str(options["server.address"]), int(options["server.port"]))
    except UserError as error:
        sys.stderr.write(f"error: {error}\n")
        return 2
    # Uvicorn shuts down cleanly, then raises the signal again.
    signal.signal(signal.SIGTERM, _stop)
    return_large_blocks()
    send_at_once()
    try:
        app = st.App(ROOT / "dashboard" / "app.py", lifespan=_warm, middleware=_middleware())
        app.run(config=options)
    except KeyboardInterrupt:
        return 0
    finally:
        close_all()
    return 0


if __name__ == "__main__":
    sys.exit(main())
