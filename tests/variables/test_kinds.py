"""Values of settings that would break something later are refused where they are read."""

import pytest

from core.variables.kinds import is_mail_address, plain_names


@pytest.mark.parametrize(
    "text",
    ["Duty\nBcc: x@shop.example <duty@shop.example>", "a\x00@b.example", "a@b.example\r\nTo: c@d.example"],
)
def test_a_mail_address_begins_no_other_header(text: str) -> None:
    assert not is_mail_address(text)
    assert is_mail_address("Duty at night <duty@shop.example>")


def test_names_that_a_query_cannot_tell_apart_are_refused() -> None:
    assert plain_names(("city", "tier", "city")) == ("city", "tier")
    with pytest.raises(ValueError, match="differ by case alone"):
        plain_names(("city", "City"))
