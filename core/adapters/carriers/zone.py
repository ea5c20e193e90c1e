"""The zone in which Indian carriers give times without naming it."""

from zoneinfo import ZoneInfo

INDIA = ZoneInfo("Asia/Kolkata")
