"""Values of settings that would break something later are refused where they are read."""

import pytest

from core.settings import SettingsError, load_settings, load_what_is_good
from core.variables.kinds import is_mail_address, plain_names

_SPLUNK = {"SPLUNK_HEC_URL": "https://splunk.example:8088", "SPLUNK_HEC_TOKEN": "token-1"}


def use(monkeypatch: pytest.MonkeyPatch, **variables: str) -> None:
    for name, value in variables.items():
        monkeypatch.setenv(name, value)


@pytest.mark.parametrize(
    "text",
    ["Duty\nBcc: x@shop.example <duty@shop.example>", "a\x00@b.example", "a@b.example\r\nTo: c@d.example"],
)
def test_a_mail_address_begins_no_other_header(text: str) -> None:
    assert not is_mail_address(text)
    assert is_mail_address("Duty at night <duty@shop.example>")


def test_names_that_a_query_cannot_tell_apart_are_refused() -> None:
    assert plain_names(("city", "tier", "city")) == ("city", "tier")
    with pytest.raises(ValueError, match="differ by case alone"):
        plain_names(("city", "City"))


@pytest.mark.parametrize(
    ("bad", "value"), [("SMTP_SERVER", "mail.example"), ("ALERT_ROTA_SWAPS", "2026-12-22=meera")]
)
def test_a_setting_that_lacks_another_costs_no_third(
    monkeypatch: pytest.MonkeyPatch, bad: str, value: str
) -> None:
    """Log lines still go to Splunk though the mail server has no recipient."""
    use(monkeypatch, **_SPLUNK, **{bad: value})
    settings, (problem,) = load_what_is_good()
    assert str(problem).startswith(bad)
    assert settings.splunk_hec_url == "https://splunk.example:8088"
    assert not settings.smtp_server
    assert not settings.alert_rota_swaps


def test_a_collector_that_lacks_its_token_costs_no_mail(monkeypatch: pytest.MonkeyPatch) -> None:
    mail = {"ALERT_EMAIL_TO": "a@shop.example", "ALERT_EMAIL_FROM": "b@shop.example"}
    use(monkeypatch, SPLUNK_HEC_URL="https://splunk.example", SMTP_SERVER="mail.example", **mail)
    settings, (problem,) = load_what_is_good()
    assert str(problem).startswith("SPLUNK_HEC_URL")
    assert (settings.splunk_hec_url, settings.smtp_server) == (None, "mail.example")


@pytest.mark.parametrize("name", ["SPLUNK_HEC_URL", "OTEL_EXPORTER_OTLP_ENDPOINT", "DASHBOARD_PUBLIC_URL"])
@pytest.mark.parametrize(
    "address",
    [
        *("https://", "https:///path", "https://host:80880", "https://host:port", "https://[::1"),
        *("https://ho st", "https://host\nx", "https://user:geh/eim@host"),
    ],
)
def test_an_address_that_can_never_be_reached_is_refused_at_start(
    monkeypatch: pytest.MonkeyPatch, name: str, address: str
) -> None:
    """By the variable's name, and without a word of the address."""
    use(monkeypatch, SPLUNK_HEC_TOKEN="token-1", **{name: address})
    with pytest.raises(SettingsError, match=f"^{name} must be an address as https://host") as refused:
        load_settings()
    assert "geh" not in str(refused.value)


@pytest.mark.parametrize("more", ["user:geheim@host", "host?token=geheim", "host#geheim"])
def test_a_collectors_address_holds_no_secret(monkeypatch: pytest.MonkeyPatch, more: str) -> None:
    use(monkeypatch, SPLUNK_HEC_URL=f"https://{more}", SPLUNK_HEC_TOKEN="token-1")
    with pytest.raises(SettingsError, match="a token has its own variable") as refused:
        load_settings()
    assert "geheim" not in str(refused.value)


def test_a_token_that_no_header_can_hold_is_refused_at_start(monkeypatch: pytest.MonkeyPatch) -> None:
    use(monkeypatch, **_SPLUNK | {"SPLUNK_HEC_TOKEN": "gehéim"})
    with pytest.raises(SettingsError, match=r"^SPLUNK_HEC_TOKEN must be made of ASCII") as refused:
        load_settings()
    assert "geh" not in str(refused.value)
    use(monkeypatch, SPLUNK_HEC_TOKEN=" token-1\n")
    token = load_settings().splunk_hec_token
    assert token is not None
    assert token.get_secret_value() == "token-1"


@pytest.mark.parametrize(
    "second",
    ["geheim", "Authorization: Bearer geheim", "a b=geheim", "key=geh%0Aeim", "=geheim", "key=gehéim"],
)
def test_what_is_no_header_is_refused_by_its_number(monkeypatch: pytest.MonkeyPatch, second: str) -> None:
    use(monkeypatch, OTEL_EXPORTER_OTLP_HEADERS=f"x-tenant=ours, {second}")
    with pytest.raises(
        SettingsError, match=r"^OTEL_EXPORTER_OTLP_HEADERS must be .*number 2 is not"
    ) as refused:
        load_settings()
    assert "geh" not in str(refused.value)


@pytest.mark.parametrize("host", ["http://statsd", "cafe:8125", "udp://statsd:8125", "unix:///run/statsd"])
def test_a_host_is_no_address(monkeypatch: pytest.MonkeyPatch, host: str) -> None:
    use(monkeypatch, STATSD_HOST=host)
    with pytest.raises(SettingsError, match=r"^STATSD_HOST must be a host alone"):
        load_settings()


@pytest.mark.parametrize("host", ["statsd.example.net", "my_agent", "127.0.0.1", "::1", "fe80::1%eth0"])
def test_names_and_numbers_of_hosts_are_taken(monkeypatch: pytest.MonkeyPatch, host: str) -> None:
    use(monkeypatch, STATSD_HOST=f" {host} ")
    assert load_settings().statsd_host == host
