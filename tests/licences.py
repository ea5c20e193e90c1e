"""``python -m tests.licences``: docs/licences.md, from what the packages of requirements.lock say."""

import re
import sys
from importlib.metadata import PackageNotFoundError, metadata
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
FILE = ROOT / "docs" / "licences.md"
_LONGEST = 60
_NAMES = {
    "3-Clause BSD License": "BSD-3-Clause",
    "Apache": "Apache-2.0",
    "Apache 2.0": "Apache-2.0",
    "Apache License 2.0": "Apache-2.0",
    "Apache License, Version 2.0": "Apache-2.0",
    "Apache Software License": "Apache-2.0",
    "BSD License": "BSD-3-Clause",
    "ISC License": "ISC",
    "ISC License (ISCL)": "ISC",
    "MIT License": "MIT",
    "Mozilla Public License 2.0 (MPL 2.0)": "MPL-2.0",
}
_ELSEWHERE = {
    "colorama": "BSD-3-Clause",  # on Windows
    "fiftyone-db": "Apache-2.0",  # on macOS
    "httpx2-jsfetch": "BSD-3-Clause",  # in a browser
}
"""Packages of other systems than the one that this runs on."""
_HEAD = """# Licences

What is shipped with the product or started by it, from `requirements.lock` (`make lock` writes this
page). None of it asks for the source of what uses it, save the embedded MongoDB server where it is
offered as a service.

## The embedded database

`fiftyone-db` brings `mongod`, the server of MongoDB. The package is Apache-2.0, **the server in it is
under the Server Side Public License (SSPL) v1**. It runs as a process of its own; nothing is linked with
it. Whoever offers MongoDB itself to third parties as a service has to publish what that service is made
of (section 13); storing the data of one's own program in it does not. Who cannot have SSPL on a machine
sets `MONGODB_URI` to a server of another kind and leaves `fiftyone-db` out, as the image does.

| package | licence |
|---|---|
"""


def locked(file: str) -> dict[str, str]:
    """The packages of a lock and their versions; of one that is pinned several times the last."""
    text = (ROOT / file).read_text()
    return dict(re.findall(r"^([A-Za-z0-9._-]+)==([^ ;\\]+)", text, re.MULTILINE))


def licence(package: str) -> str:
    """What a package says of its licence, as an SPDX expression where it does.

    Raises:
        PackageNotFoundError: it is not installed, and not one of another system.
    """
    if package in _ELSEWHERE:
        return _ELSEWHERE[package]
    about = metadata(package)
    said = (about["License-Expression"] or about["License"] or "").strip()
    if not said or "\n" in said or len(said) > _LONGEST or said.startswith("Copyright"):
        classifiers = [one for one in about.get_all("Classifier") or () if one.startswith("License ::")]
        said = classifiers[0].rpartition(" :: ")[2] if classifiers else said.partition("\n")[0][:_LONGEST]
    return _NAMES.get(said, said) or "not said"


def page() -> str:
    """The text of docs/licences.md."""
    rows = (f"| `{name}` | {licence(name)} |\n" for name in sorted(locked("requirements.lock")))
    return _HEAD + "".join(rows)


def main() -> int:
    """Write the page."""
    try:
        FILE.write_text(page())
    except PackageNotFoundError as error:
        sys.stderr.write(f"{error.name} is in requirements.lock and not installed: run make again\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
