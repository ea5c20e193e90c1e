"""Writes the tables of docs/call-fields.md from the models: ``make configuration``."""

import re
from pathlib import Path
from typing import Any

from core.models.calls.endings import ENDINGS
from core.models.metrics import CallMetrics, TurnMetrics

FILE = Path(__file__).resolve().parents[1] / "docs" / "call-fields.md"
_TABLES = re.compile(r"(?<=<!-- fields -->\n).*(?=<!-- end of fields -->)", re.DOTALL)
_HEAD = "| field | value | meaning |\n|---|---|---|\n"
_TITLES = {
    "CallError": "One of `errors`",
    "CallCost": "`cost`",
    "ModelUsage": "One of `usage`",
    "Silence": "One of `silences`",
    "Telephony": "`telephony`",
    "Links": "`links`",
    "Compliance": "`compliance`",
    "WaitPart": "One of `parts`",
    "ToolCall": "One of `tool_calls`",
}
_WORDS = {
    "string": "text",
    "number": "number",
    "integer": "whole number",
    "boolean": "true or false",
    "object": "object",
}
Schema = dict[str, Any]


def with_tables(text: str) -> str:
    """Return the page with its tables made anew.

    Raises:
        ValueError: the page has no place for them.
    """
    if _TABLES.search(text) is None:
        raise ValueError("no place for the tables")
    call, turn = CallMetrics.model_json_schema(), TurnMetrics.model_json_schema()
    parts = call["$defs"] | turn["$defs"]
    sections = [("A call: `CallMetrics`", call), ("A turn: `TurnMetrics`", turn)]
    sections += [(title, parts[name]) for name, title in _TITLES.items() if name in parts]
    tables = "".join(_section(title, schema, parts) for title, schema in sections)
    return _TABLES.sub(lambda _: tables + _endings() + "\n", text)


def _section(title: str, schema: Schema, parts: Schema) -> str:
    needed = schema.get("required", ())
    rows = "".join(
        f"| `{name}`{' (required)' if name in needed else ''} | {_value(field, parts)} "
        f"| {field.get('description', '')} |\n"
        for name, field in schema["properties"].items()
    )
    return f"\n## {title}\n\n{_HEAD}{rows}"


def _value(field: Schema, parts: Schema) -> str:
    """Return what a field may be, in words."""
    if choices := [one for one in field.get("anyOf", ()) if one.get("type") != "null"]:
        return " or ".join(_value(one, parts) for one in choices)
    if reference := field.get("$ref"):
        name = reference.rpartition("/")[2]
        return _value(parts[name], parts) if "enum" in parts[name] else f"[below](#{_anchor(_TITLES[name])})"
    if "enum" in field:
        return ", ".join(f"`{one}`" for one in field["enum"])
    kind = str(field.get("type"))
    if kind == "array":
        return f"list of: {_value(field['items'], parts)}"
    return "time" if field.get("format") == "date-time" else f"{_WORDS[kind]}{_limits(field)}"


def _limits(field: Schema) -> str:
    if "maxLength" in field:
        return f", at most {field['maxLength']} characters"
    least, most = field.get("minimum"), field.get("maximum")
    return f", {least:,.0f} to {most:,.0f}" if least is not None and most is not None else ""


def _endings() -> str:
    head = "\n## Endings\n\n| `end_reason` | on the screen | whose fault |\n|---|---|---|\n"
    rows = (f"| `{key}` | {one.label} | {one.fault or 'nobody'} |\n" for key, one in ENDINGS.items())
    return head + "".join(rows)


def _anchor(title: str) -> str:
    return re.sub(r"[^\w -]", "", title.lower()).replace(" ", "-")


if __name__ == "__main__":
    FILE.write_text(with_tables(FILE.read_text(encoding="utf-8")), encoding="utf-8")
