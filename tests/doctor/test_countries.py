"""Where data goes, as far as an address tells."""

import pytest

from core.doctor.countries import countries, country_of, sinks
from core.doctor.result import State
from core.settings import get_settings


def set_all(monkeypatch: pytest.MonkeyPatch, **values: str) -> None:
    for name, value in values.items():
        monkeypatch.setenv(name, value)
    get_settings.cache_clear()


@pytest.mark.parametrize(
    ("host", "country"),
    [
        ("hooks.slack.com", "United States"),
        ("events.pagerduty.com", "United States"),
        ("events.eu.pagerduty.com", "European Union"),
        ("http-intake.logs.us5.datadoghq.com", "United States"),
        ("api.ap1.datadoghq.com", "Japan"),
        ("http-intake.logs.datadoghq.eu", "European Union"),
        ("email-smtp.ap-south-1.amazonaws.com", "India"),
        ("db.centralindia.cloudapp.azure.com", "India"),
        ("search.ap-southeast-1.es.amazonaws.com", "Singapore"),
        ("smtp.zoho.in", "India"),
        ("cluster0.ab1cd.mongodb.net", "unknown"),
        ("acme.splunkcloud.com", "unknown"),
        ("datadoghq.com.evil.example", "unknown"),
        ("127.0.0.1", "this machine"),
        ("localhost", "this machine"),
        ("[::1]", "this machine"),
        ("/run/mongodb.sock", "this machine"),
        ("10.1.2.3", "your own network"),
        ("mongo", "your own network"),
        ("splunk.bank.internal", "your own network"),
        ("8.8.8.8", "unknown"),
    ],
)
def test_a_name_tells_its_country_or_nothing(host: str, country: str) -> None:
    assert country_of(host) == country


def test_each_sink_is_named_with_what_it_carries(monkeypatch: pytest.MonkeyPatch) -> None:
    """Never with a secret."""
    set_all(
        monkeypatch,
        MONGODB_URI="mongodb+srv://u:mango71@cluster0.ab1cd.mongodb.net/?tls=true",
        SPLUNK_HEC_URL="https://acme.splunkcloud.com:8088",
        SPLUNK_HEC_TOKEN="mango71",
        SLACK_WEBHOOK_URL="https://hooks.slack.com/services/T/B/mango71",
        ALERT_APPRISE_URLS="pager=pagerduty://mango71@mango71?region=eu, duty=opsgenie://mango71",
        STATSD_HOST="127.0.0.1",
    )
    found = {sink.name: sink for sink in sinks(get_settings())}
    assert {name: sink.country for name, sink in found.items()} == {
        "MONGODB_URI": "unknown",
        "SPLUNK_HEC_URL": "unknown",
        "STATSD_HOST": "this machine",
        "SLACK_WEBHOOK_URL": "United States",
        "channel pager": "European Union",
        "channel duty": "United States",
    }
    said = list(countries(get_settings()))
    assert all(one.state is State.OK for one in said)
    assert "mango71" not in str(said)
    assert any("cluster0.ab1cd.mongodb.net: its country is unknown; check" in one.text for one in said)


def test_with_the_profile_india_personal_data_abroad_is_a_warning(monkeypatch: pytest.MonkeyPatch) -> None:
    """Alerts carry none; a database in the own network stays where that is."""
    set_all(
        monkeypatch,
        RETENTION_PROFILE="india",
        MONGODB_URI="mongodb://u:p@db.us-east-1.example.com:27017,10.0.0.8:27017/?tls=true",
        SLACK_WEBHOOK_URL="https://hooks.slack.com/services/T/B/x",
    )
    states = [(one.state, one.text.split(":")[0]) for one in countries(get_settings())]
    assert [state for state, _ in states] == [State.WARN, State.OK, State.OK]
    set_all(monkeypatch, MONGODB_URI="mongodb://u:p@db.ap-south-1.example.com/?tls=true")
    assert {one.state for one in countries(get_settings())} == {State.OK}
