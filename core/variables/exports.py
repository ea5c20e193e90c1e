"""Settings for sending metrics: StatsD, and an OpenTelemetry collector."""

from typing import Annotated, Literal

from pydantic import BaseModel, BeforeValidator, Field

from core.variables.kinds import Headers, Host, Port, WebAddress, in_lower_case, written_like


class ExportSettings(BaseModel):
    """Part of :class:`core.settings.Settings`."""

    statsd_host: Host = Field(
        default=None,
        description="StatsD server to send metrics to; docs/integrations/statsd/README.md",
    )
    statsd_port: Port = Field(default=8125, description="UDP port of the StatsD server")
    statsd_prefix: Annotated[
        str,
        written_like(
            r"[A-Za-z][A-Za-z0-9_]*(\.[A-Za-z0-9_]+)*", "words of letters, digits and _, joined by dots"
        ),
    ] = Field(default="voice_agent", description="Prefix of metric names in StatsD")
    statsd_dialect: Annotated[Literal["dogstatsd", "statsd"], BeforeValidator(in_lower_case)] = Field(
        default="dogstatsd",
        description="`dogstatsd` sends Datadog tags; `statsd` puts labels into the names",
    )

    otel_exporter_otlp_endpoint: WebAddress = Field(
        default=None,
        description="OpenTelemetry collector to send metrics to; docs/integrations/otlp/README.md",
    )
    otel_exporter_otlp_headers: Headers = Field(
        default=(), description="Headers for the collector: name=value, comma separated"
    )
