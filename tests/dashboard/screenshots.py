"""``make screenshots``: renew docs/images with every page of a demo, light, dark and on a phone."""

import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from io import BytesIO
from pathlib import Path
from typing import Self
from urllib.error import URLError
from urllib.request import urlopen

import orjson
from PIL import Image
from playwright.sync_api import Browser, Page, sync_playwright
from rich.console import Console
from rich.progress import track

from tests.ports import free_port

ROOT = Path(__file__).resolve().parents[2]
IMAGES = ROOT / "docs" / "images"
BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
READY_WITHIN_SECONDS = 300
LIVE_FOR_SECONDS = 60
"""How long the demo runs first, until calls end, alerts are checked and requests are counted."""
TALLEST = 3_200
LOOKS = {"light": (1440, "light"), "dark": (1440, "dark"), "phone": (390, "light")}
PAGES = {
    "overview": "/?period=7d",
    "analytics": "/analytics?period=7d",
    "conversion": "/conversion?period=7d",
    "latency": "/latency?period=7d",
    "explore": "/explore?period=7d&measure=End-to-end+latency&split=Agent+version",
    "compare": "/compare?period=7d",
    "system": "/system?period=24h",
    "alerts": "/alerts",
    "rules": "/alerts?view=Rules&rule=model_latency",
    "calls": "/calls?period=7d&order=e2e_latency_ms",
    "call": "/calls?call_id={call_id}",
}


def main() -> int:
    """Start a demo, take the pictures, stop it."""
    console = Console()
    program = next(filter(None, map(shutil.which, BROWSERS)), None)
    if program is None:
        sys.stderr.write("no browser: install Chromium (Debian: apt-get install chromium)\n")
        return 2
    with tempfile.TemporaryDirectory() as folder, Demo(Path(folder)) as demo:
        with console.status("Starting a demo and letting it run for a minute"):
            demo.wait_until_live()
        pages = {name: path.format(call_id=demo.a_call()) for name, path in PAGES.items()}
        with sync_playwright() as playwright:
            browser = playwright.chromium.launch(
                executable_path=program, args=["--no-sandbox", "--disable-gpu"]
            )
            jobs = [(name, look) for name in pages for look in LOOKS]
            for name, look in track(jobs, "Taking pictures", console=console):
                take(browser, demo.address + pages[name], IMAGES / f"{name}-{look}.png", *LOOKS[look])
            browser.close()
    return 0


class Demo:
    """A demo with its own DATA_DIR."""

    def __init__(self, folder: Path) -> None:
        ports = {"DASHBOARD_PORT": str(free_port()), "API_PORT": str(free_port())}
        self.address = f"http://localhost:{ports['DASHBOARD_PORT']}"
        self._api = f"http://127.0.0.1:{ports['API_PORT']}/api/v1/analytics"
        with (folder / "demo.log").open("wb") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "core", "demo"],
                cwd=ROOT,
                env=os.environ | ports | {"DATA_DIR": str(folder / "data")},
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_exc: object) -> None:
        self._process.send_signal(signal.SIGINT)
        self._process.wait(60)

    def wait_until_live(self) -> None:
        """Wait for the API, and then a minute more."""
        deadline = time.monotonic() + READY_WITHIN_SECONDS
        while time.monotonic() < deadline:
            try:
                self._ask("/metrics")
            except (URLError, OSError):
                time.sleep(1)
            else:
                time.sleep(LIVE_FOR_SECONDS)
                return
        raise SystemExit("the demo did not start")

    def a_call(self) -> str:
        """Return a call of today with many turns."""
        today = f"{time.strftime('%Y-%m-%d')}"
        calls = self._ask(f"/calls?start_date={today}&status=completed&limit=100")["calls"]
        best = max(calls, key=lambda call: (call.get("attempt") or 0, call.get("user_turns") or 0))
        return str(best["call_id"])

    def _ask(self, path: str) -> dict[str, list[dict[str, int]]]:
        with urlopen(self._api + path, timeout=10) as response:  # noqa: S310 (our own address)
            answer: dict[str, list[dict[str, int]]] = orjson.loads(response.read())
        return answer


def take(browser: Browser, url: str, path: Path, width: int, scheme: str) -> None:
    """Take a picture of a whole page in its full height, in 256 colours."""
    context = browser.new_context(
        viewport={"width": width, "height": 900}, color_scheme="dark" if scheme == "dark" else "light"
    )
    page = context.new_page()
    page.goto(url, timeout=180_000)
    page.wait_for_selector("[data-testid=stMain] h1", timeout=180_000)
    _wait_until_calm(page)
    height = page.evaluate("document.querySelector('[data-testid=stMainBlockContainer]').scrollHeight")
    page.set_viewport_size({"width": width, "height": min(max(height + 24, 600), TALLEST)})
    _wait_until_calm(page)
    picture = Image.open(BytesIO(page.screenshot()))
    picture.convert("RGB").quantize(256, dither=Image.Dither.NONE).save(path, optimize=True)
    context.close()


def _wait_until_calm(page: Page) -> None:
    """Wait until nothing has loaded or spun for two seconds, and nothing is running."""
    page.evaluate("window.busyAt = performance.now()")
    page.wait_for_function(
        """() => {
          const loading = "[data-testid=stSkeleton], [data-testid=stSpinner], [class*=st-key-later-]";
          const inSight = element => element.getBoundingClientRect().top < innerHeight;
          if ([...document.querySelectorAll(loading)].some(inSight)) window.busyAt = performance.now();
          const running = document.querySelector("[data-testid=stStatusWidget]");
          return !running && performance.now() - window.busyAt > 2000;
        }""",
        polling=100,
        timeout=180_000,
    )


if __name__ == "__main__":
    sys.exit(main())
