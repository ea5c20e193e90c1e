"""Runbooks that a click opens: on the dashboard, or wherever a team keeps its own."""

import pytest

from core.alerting import runbooks
from core.alerting.rules.builtin import BUILT_IN_RULES
from core.alerting.wording import runbook
from core.settings import get_settings

HERE = "http://localhost:3000/runbooks?name=error_rate"


@pytest.mark.parametrize(
    ("where", "expected"),
    [
        ("docs/runbooks/error_rate.md", HERE),
        ("error_rate", HERE),
        ("error_rate.md", HERE),
        ("https://wiki.example.com/x?a=1", "https://wiki.example.com/x?a=1"),
        ("docs/runbooks/no_such_thing.md", "docs/runbooks/no_such_thing.md"),
        ("../../core/settings.py", "../../core/settings.py"),
        ("call the provider", "call the provider"),
        ("", ""),
    ],
)
def test_what_a_rule_names_leads_to_the_dashboard(where: str, expected: str) -> None:
    """If it is one of ours; all else stays as it is."""
    assert runbooks.link(where) == expected


@pytest.mark.parametrize(
    ("base", "expected"),
    [
        ("https://wiki.example.com/runbooks", "https://wiki.example.com/runbooks/my_own"),
        ("https://wiki.example.com/runbooks/", "https://wiki.example.com/runbooks/my_own"),
        ("https://git.example.com/x/{name}.md?plain=1", "https://git.example.com/x/my_own.md?plain=1"),
    ],
)
def test_a_team_keeps_its_runbooks_elsewhere(
    monkeypatch: pytest.MonkeyPatch, base: str, expected: str
) -> None:
    """Those that nobody has here as well."""
    monkeypatch.setenv("RUNBOOK_BASE_URL", base)
    get_settings.cache_clear()
    assert runbooks.link("docs/runbooks/my_own.md") == expected


def test_every_built_in_rule_has_a_runbook_that_can_be_read() -> None:
    """And none of its links leads nowhere."""
    for rule in BUILT_IN_RULES:
        name = runbooks.link(str(runbook(rule))).rpartition("=")[2]
        text = runbooks.page(name)
        assert text is not None
        assert text.startswith(f"## {runbooks.titles()[name]}\n")
        assert ".md)" not in text


@pytest.mark.parametrize(
    "name", ["../alerting", "/etc/passwd", "error_rate.md", "ERROR_RATE", "", ".", "error_rate\0", "é"]
)
def test_only_runbooks_are_read(name: str) -> None:
    """Whatever a link asks for."""
    assert runbooks.page(name) is None
