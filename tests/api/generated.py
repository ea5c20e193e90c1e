"""Days and moments for the generator of requests: a schema has no word for the first and the last of them."""

from datetime import UTC, date, datetime

import schemathesis
from hypothesis import strategies

DAYS = strategies.dates(date(1971, 1, 1), date(2199, 12, 31))
MOMENTS = strategies.datetimes(datetime(1971, 1, 1), datetime(2199, 12, 31), timezones=strategies.just(UTC))  # noqa: DTZ001 (a strategy adds the zone)

schemathesis.openapi.format("date", DAYS.map(date.isoformat))
schemathesis.openapi.format("date-time", MOMENTS.map(datetime.isoformat))
