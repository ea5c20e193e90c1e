"""The zone that Indian carriers write their times in, without naming it."""

from zoneinfo import ZoneInfo

INDIA = ZoneInfo("Asia/Kolkata")
