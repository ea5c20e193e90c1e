"""The files for other systems that are made from the definitions of metrics."""

from core.exporting.recording_rules import recording_rules


def generated() -> dict[str, str]:
    """Each file below docs/integrations, and its text."""
    return {"prometheus/recording.rules.yml": recording_rules()}
