"""Send figures to StatsD, plain or with Datadog's tags: increases of counters, gauges, percentiles.

UDP: nobody waits for an answer, and packets that nobody receives are lost.
"""

import logging
import os
import re
from collections.abc import Mapping
from importlib.util import find_spec
from typing import TYPE_CHECKING

from pymongo.database import Database

from core.alerting.channels.post import reason_of
from core.errors import UserError
from core.exporting.families import of_sums
from core.exporting.gauges import gauges
from core.exporting.recent import recent_percentiles
from core.exporting.sums import Sums
from core.exporting.totals import packed, read_totals, unpacked
from core.logging_config import get_logger
from core.settings import get_settings
from core.storage.collections import EXPORTED_TOTALS
from core.storage.readable import each_readable
from core.storage.server.connection import DURABLE
from core.types import Document

if TYPE_CHECKING:
    from datadog.dogstatsd.base import DogStatsd

NEEDS = 'STATSD_HOST needs the extra statsd: pip install "datadog>=0.56,<1"'
_ID = "sent to StatsD"
_NEVER_SECONDS = 86_400
_OFF = "DD_DOGSTATSD_DISABLE"
_NO_NAME = re.compile(r"[^A-Za-z0-9_-]+")
logger = get_logger("scheduler")


def is_installed() -> bool:
    """Return whether the extra ``statsd`` is installed."""
    return find_spec("datadog") is not None


def send_statsd(database: Database[Document]) -> None:
    """Send to STATSD_HOST how much counters have risen since the last time, and the present gauges.

    Counting starts with the first time; what was stored before is not sent. While the host's name does not
    resolve, the increases are kept for the next time.

    Raises:
        UserError: the extra is not installed, or DD_DOGSTATSD_DISABLE switches its client off.
        PyMongoError: the database does not answer.
    """
    stand, recent = gauges(database), recent_percentiles(database)
    client = _client()
    try:
        client.get_socket()
    except OSError as error:
        _warn(reason_of(error))
        return
    tell = Teller(client, tags=get_settings().statsd_dialect == "dogstatsd")
    rose = _rose(database)  # last: what fails before loses no increase
    with client:
        for family in of_sums(rose):
            for labels, value in family.samples.items():
                tell.count(family.metric.name, family.metric.labels, labels, value)
        for metric, samples in stand:
            for labels, value in samples.items():
                tell.gauge(metric.name, metric.labels, labels, value)
        for metric, figures in recent.items():
            for name, value in figures.items():
                tell.gauge(f"{metric.name}.{name}", (), (), value)
    client.close_socket()
    if client.packets_dropped_writer:
        _warn("nothing listens there", packets=client.packets_dropped_writer)


def _warn(reason: str, **more: object) -> None:
    extra = {"host": get_settings().statsd_host, "reason": reason, **more}
    logger.warning("Figures did not reach STATSD_HOST", extra=extra)


def _client() -> "DogStatsd":
    if not is_installed():
        raise UserError(NEEDS)
    if os.environ.get(_OFF) in {"True", "true", "yes", "1"}:  # the client would take it all, and send nothing
        raise UserError(f"{_OFF} is set, so nothing is sent to STATSD_HOST; unset one of them")
    from datadog.dogstatsd.base import DogStatsd  # noqa: PLC0415 (an extra)

    settings = get_settings()
    logging.getLogger("datadog.dogstatsd").setLevel(logging.CRITICAL)  # we report it ourselves
    client = DogStatsd(
        host=settings.statsd_host,
        port=settings.statsd_port,
        namespace=settings.statsd_prefix,
        telemetry_min_flush_interval=_NEVER_SECONDS,  # counts dropped packets, but sends no count
        origin_detection_enabled=False,
        track_instance=False,
    )
    if settings.statsd_dialect == "statsd":
        client.constant_tags = []  # otherwise taken from DD_ENV and the like
        client._external_data = None  # noqa: SLF001 (from DD_EXTERNAL_ENV; there is no other way)
    return client


class Teller:
    """Writes samples in one of the dialects; without tags, label values are part of the name."""

    def __init__(self, client: "DogStatsd", *, tags: bool) -> None:
        self._client = client
        self._tags = tags

    def count(self, name: str, labels: tuple[str, ...], values: tuple[str, ...], rose: float) -> None:
        """Send how much a counter rose."""
        self._client.increment(self._name(name, values), _plain(rose), tags=self._tagged(labels, values))

    def gauge(self, name: str, labels: tuple[str, ...], values: tuple[str, ...], value: float) -> None:
        """Send the value of a gauge."""
        self._client.gauge(self._name(name, values), _plain(value), tags=self._tagged(labels, values))

    def _name(self, name: str, values: tuple[str, ...]) -> str:
        return name if self._tags else ".".join((name, *(_NO_NAME.sub("_", value) for value in values)))

    def _tagged(self, labels: tuple[str, ...], values: tuple[str, ...]) -> list[str] | None:
        pairs = zip(labels, values, strict=True)
        return [f"{label}:{value}" for label, value in pairs] if self._tags else None


def _plain(value: float) -> float:
    """Return a whole number without decimals: 3, not 3.0; never with an exponent."""
    return int(value) if value == int(value) else _Written(round(value, 6))


class _Written(float):
    """A number that is written with all its decimals: 0.00001, not 1e-05."""

    def __str__(self) -> str:
        return f"{float(self):.6f}".rstrip("0").rstrip(".")


def _rose(database: Database[Document]) -> Sums:
    """Return how much counters rose since the last time, and make now the last time."""
    totals = read_totals(database)
    kept = database.get_collection(EXPORTED_TOTALS, write_concern=DURABLE)
    last = next(each_readable(kept.find({"_id": _ID}), _sums, EXPORTED_TOTALS), None)
    if totals is None:
        return {}
    kept.update_one({"_id": _ID}, {"$set": {"sums": packed(totals.published)}}, upsert=True)
    return {} if last is None else difference(totals.published, last)


def _sums(row: Document) -> Sums:
    return unpacked(row["sums"])


def difference(now: Mapping[tuple[str, ...], float], before: Mapping[tuple[str, ...], float]) -> Sums:
    """Return how much each sum has risen; those that have not are left out."""
    rose = {key: value - before.get(key, 0.0) for key, value in now.items()}
    return {key: value for key, value in rose.items() if value > 0}
