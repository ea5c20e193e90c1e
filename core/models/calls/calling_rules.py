"""The rules of calling: what each one requires, its source, and which calls it applies to."""

from dataclasses import dataclass
from functools import lru_cache

SALES, SERVICE, RECOVERY = "sales", "service", "recovery"
_PURPOSES = {
    SALES: ("sales", "promotion", "promotional", "marketing", "lead", "upsell", "cross_sell", "outreach"),
    SERVICE: ("service", "transactional", "support", "onboarding", "kyc", "verification", "reminder"),
    RECOVERY: ("recovery", "collection", "collections", "debt", "overdue", "dunning"),
}
PURPOSES: dict[str, str] = {word: purpose for purpose, words in _PURPOSES.items() for word in words}
"""What sources' words for a call's purpose mean; any other word means the purpose is unknown."""
NUMBER_SERIES: dict[str, str] = {SALES: "140", SERVICE: "1600", RECOVERY: "1600"}
"""The first digits of the calling number, by purpose."""


@lru_cache(maxsize=1024)
def purpose_of(word: str | None) -> str | None:
    """Return sales, service or recovery for a source's word; None if it is unknown."""
    return PURPOSES.get((word or "").strip().lower().replace("-", "_").replace(" ", "_"))


@dataclass(frozen=True)
class CallingRule:
    """A rule; ``label`` continues the word "calls", ``source`` is the law or setting behind it."""

    key: str
    label: str
    meaning: str
    source: str

    @property
    def metric(self) -> str:
        """Return the name that alert rules use for the number of calls in violation."""
        return f"{self.key}_violations"


_TCCCPR = "TRAI TCCCPR 2018, second amendment of 12 Feb 2025"
_TABLE = (
    CallingRule(
        "calling_hours",
        "Outside calling hours",
        "Outbound calls that began outside the hours of their purpose; service calls may at any time",
        "RBI, 12 Aug 2022 (recovery); CALLING_HOURS (all others)",
    ),
    CallingRule(
        "attempts",
        "Over the daily attempt limit",
        "Outbound calls to a lead beyond the number allowed in a local day",
        "ATTEMPTS_PER_DAY",
    ),
    CallingRule(
        "gap",
        "Too soon after the previous call",
        "Outbound calls to a lead sooner after the previous one than allowed",
        "MINIMUM_GAP_MINUTES",
    ),
    CallingRule(
        "opted_out",
        "After an opt-out",
        "Outbound calls to a lead who had asked in an earlier call not to be called again",
        _TCCCPR,
    ),
    CallingRule(
        "dnd",
        "Without a recent do-not-disturb check",
        "Outbound calls, of sales or without a known purpose, with a look-up in the do-not-disturb register "
        "that is too old, or came after the call",
        "TRAI TCCCPR 2018; DND_CHECK_DAYS",
    ),
    CallingRule(
        "consent",
        "Without consent",
        "Outbound calls without a record of the lead's consent, where calls must tell it",
        "RBI Digital Lending Directions, 8 May 2025; CALLS_MUST_TELL",
    ),
    CallingRule(
        "disclosure",
        "Without disclosure",
        "Answered calls in which the agent did not say who is calling and why",
        "practice of lenders",
    ),
    CallingRule(
        "recording_notice",
        "Without recording notice",
        "Answered calls in which the agent did not say that they are recorded",
        "practice of lenders",
    ),
    CallingRule(
        "number_series",
        "From the wrong number series",
        "Outbound calls from a series other than that of their purpose: 140 for sales, 1600 for service and "
        "recovery",
        f"{_TCCCPR}; direction of 19 Nov 2025",
    ),
)
CALLING_RULES: dict[str, CallingRule] = {rule.key: rule for rule in _TABLE}
