"""Print a page as PDF with an installed Chromium."""

import os
import shutil
import subprocess
from pathlib import Path
from tempfile import TemporaryDirectory

from core.errors import UserError

BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
_SECONDS = 120


def write_pdf(page: str, target: Path) -> None:
    """Print a self-contained HTML page to a PDF.

    Raises:
        UserError: no Chromium is installed, it failed, or the file cannot be written.
    """
    program = next(filter(None, map(shutil.which, BROWSERS)), None)
    if program is None:
        raise UserError(
            "a PDF is printed by Chromium, which is not installed (Debian: apt-get install chromium); "
            "--html FILE needs none and prints from any browser"
        )
    with TemporaryDirectory() as folder:
        source, printed = Path(folder) / "report.html", Path(folder) / "report.pdf"
        source.write_text(page, encoding="utf-8")
        command = [program, "--headless", "--disable-gpu", "--no-pdf-header-footer"]
        if os.geteuid() == 0:  # Chromium refuses to run as root in its sandbox; the page is our own
            command.append("--no-sandbox")
        command += [f"--user-data-dir={folder}/profile", f"--print-to-pdf={printed}", source.as_uri()]
        try:
            subprocess.run(command, check=True, capture_output=True, timeout=_SECONDS)  # noqa: S603 (our own words, no shell)
            shutil.copyfile(printed, target)
        except (subprocess.SubprocessError, FileNotFoundError):
            raise UserError(f"{program} could not print the report; try --html FILE") from None
        except OSError as error:
            raise UserError(f"{target} cannot be written: {error.strerror}") from None
