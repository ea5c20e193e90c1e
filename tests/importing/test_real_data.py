"""Two real sets of calls, against counts made from the raw files in plain pandas."""

from zoneinfo import ZoneInfo

import pandas as pd
import pytest
from pymongo.database import Database

from core.importing import import_file
from core.types import Document
from tests.importing.public_calls import MAPPINGS, TECHNION, UCI, needs

pytestmark = pytest.mark.full
HALF_DAY, DAY = pd.Timedelta(hours=12), pd.Timedelta(days=1)


def stored_days(database: Database[Document], zone: str) -> dict[str, int]:
    """Calls by local day, counted by MongoDB."""
    day = {"$dateToString": {"date": "$start_time", "format": "%Y-%m-%d", "timezone": zone}}
    groups = database["calls"].aggregate([{"$group": {"_id": day, "n": {"$sum": 1}}}])
    return {group["_id"]: group["n"] for group in groups}


def local_days(starts: pd.Series, zone: str) -> pd.Series:
    """The day of each moment in a zone."""
    days: pd.Series = starts.dt.tz_convert(ZoneInfo(zone)).dt.strftime("%Y-%m-%d")
    return days


def technion_rows() -> pd.DataFrame:
    """The real calls with their start and duration, from the raw file."""
    raw = pd.read_csv(TECHNION, sep="\t", dtype=str).query("outcome != 'PHANTOM'")
    local = pd.to_datetime(raw["date"] + raw["vru_entry"], format="%y%m%d%H:%M:%S")
    entry, *exits = (pd.to_timedelta(raw[name]) for name in ("vru_entry", "vru_exit", "q_exit", "ser_exit"))
    exits[1:] = [times.where(times > pd.Timedelta(0)) for times in exits[1:]]
    lengths = pd.concat([times - entry for times in exits], axis=1)
    lengths = lengths.where(~(lengths < -HALF_DAY), lengths + DAY)
    return raw.assign(
        start=local.dt.tz_localize(ZoneInfo("Asia/Jerusalem")),
        seconds=lengths.where(lengths >= pd.Timedelta(0)).max(axis=1).dt.total_seconds(),
    )


@needs(TECHNION)
def test_technion_calls_agree_with_the_raw_file(database: Database[Document]) -> None:
    mapping = MAPPINGS / "technion.toml"
    report = import_file(TECHNION, mapping)
    assert (report.inserted, report.replaced, report.rejected, report.repaired) == (31_359, 0, 240, 32)
    calls, raw = database["calls"], technion_rows()
    assert calls.count_documents({"status": "completed", "handoff_triggered": True}) == 27_060
    assert calls.count_documents({"status": "failed", "end_reason": "customer_hung_up"}) == 4_299
    assert calls.count_documents({"language": "english"}) == (raw["type"] == "PE").sum()
    rounded = raw["customer_id"].str.contains("E+", regex=False)  # by a spreadsheet
    assert calls.count_documents({"lead_id": None}) == ((raw["customer_id"] == "0") | rounded).sum()
    assert rounded.sum() == 24
    assert not calls.count_documents({"metadata.server": {"$exists": True}})

    days = {zone: local_days(raw["start"], zone) for zone in ("Asia/Jerusalem", "Asia/Kolkata")}
    for zone, expected in days.items():
        assert stored_days(database, zone) == expected.value_counts().to_dict()
    assert (days["Asia/Jerusalem"] != days["Asia/Kolkata"]).sum() == 3_516
    seconds = [call["duration_seconds"] for call in calls.find({}, {"duration_seconds": 1})]
    assert sorted(seconds) == sorted(raw["seconds"])

    again = import_file(TECHNION, mapping)
    assert (again.inserted, again.replaced, again.unchanged) == (0, 31_359, 31_359)


@needs(UCI)
def test_uci_calls_agree_with_the_raw_file(database: Database[Document]) -> None:
    mapping = MAPPINGS / "uci_bank_marketing.toml"
    report = import_file(UCI, mapping)
    assert (report.inserted, report.replaced, report.rejected, report.repaired) == (45_211, 0, 0, 0)
    calls, raw = database["calls"], pd.read_csv(UCI, sep=";")
    month = pd.to_datetime(raw["month"], format="%b").dt.month
    year = 2008 + (month.diff() < 0).cumsum()
    assert (year.min(), year.max()) == (2008, 2010)
    noon = pd.to_datetime(pd.DataFrame({"year": year, "month": month, "day": raw["day"], "hour": 12}))
    expected = local_days(noon.dt.tz_localize(ZoneInfo("Europe/Lisbon")), "Asia/Kolkata")
    assert stored_days(database, "Asia/Kolkata") == expected.value_counts().to_dict()

    assert calls.count_documents({"qualification_completed": True}) == 5_289
    assert calls.count_documents({"direction": "outbound", "status": "completed"}) == 45_211
    found = {call["_id"]: (call["duration_seconds"], call["attempt"]) for call in calls.find()}
    ids = [f"uci-{line}" for line in range(2, len(raw) + 2)]
    assert found == dict(zip(ids, zip(raw["duration"], raw["campaign"], strict=True), strict=True))

    again = import_file(UCI, mapping)
    assert (again.inserted, again.replaced, again.unchanged) == (0, 45_211, 45_211)
