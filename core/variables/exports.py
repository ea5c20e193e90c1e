"""The settings of what figures are sent to: StatsD, a collector of OpenTelemetry."""

from typing import Annotated, Literal

from pydantic import BaseModel, BeforeValidator, Field

from core.variables.kinds import Port, SecretCommaList, WebAddress, in_lower_case


class ExportSettings(BaseModel):
    """Part of :class:`core.settings.Settings`."""

    statsd_host: str | None = Field(
        default=None,
        description="StatsD server that the scheduler sends figures to; docs/integrations/statsd/README.md",
    )
    statsd_port: Port = Field(default=8125, description="UDP port of the StatsD server")
    statsd_prefix: str = Field(
        default="voice_agent",
        pattern=r"^[A-Za-z][A-Za-z0-9_]*(\.[A-Za-z0-9_]+)*$",
        description="What the names of figures begin with at StatsD",
    )
    statsd_dialect: Annotated[Literal["dogstatsd", "statsd"], BeforeValidator(in_lower_case)] = Field(
        default="dogstatsd",
        description="`dogstatsd` has Datadog's tags; `statsd` puts labels into the names",
    )

    otel_exporter_otlp_endpoint: WebAddress = Field(
        default=None,
        description="OpenTelemetry collector for figures; docs/integrations/otlp/README.md",
    )
    otel_exporter_otlp_headers: SecretCommaList = Field(
        default=(), description="Headers for the collector: name=value, comma separated"
    )
