"""How long data is kept, as one choice: our defaults, or what Indian lenders are required to keep."""

from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, Field, model_validator

from core.variables.kinds import in_lower_case

Profile = Literal["default", "india"]
A_YEAR = 365
HALF_A_YEAR = 180
PROFILES: dict[str, dict[str, int]] = {
    "india": {"raw_retention_days": A_YEAR, "log_database_days": A_YEAR, "log_rotate_keep": A_YEAR},
}
"""What a profile sets if the variable itself is not set."""


class Retention(BaseModel):
    """Part of :class:`core.settings.Settings`."""

    retention_profile: Annotated[Profile, BeforeValidator(in_lower_case)] = Field(
        default="default",
        description="`india`: retention defaults required of Indian lenders; docs/compliance.md",
    )

    @model_validator(mode="before")
    @classmethod
    def _what_the_profile_sets(cls, given: Any) -> Any:  # noqa: ANN401 (whatever pydantic hands over)
        profile = in_lower_case(given.get("retention_profile")) if isinstance(given, dict) else None
        return PROFILES[profile] | given if isinstance(profile, str) and profile in PROFILES else given
