"""A sealed value opens with its key, in its place, as it was written, and in no other way."""

import base64
import secrets

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.privacy.encryption import BlindIndex, DataKey, EncryptionService, SealError, blind_index, encryption
from core.privacy.sensitive import key_of
from core.settings import SettingsError, get_settings
from core.variables.master_keys import MasterKey, master_key

OLD, NEW = MasterKey("old", bytes(range(32))), MasterKey("new", bytes(range(32, 64)))
SERVICE = EncryptionService([OLD])
KEY, WRAPPED = SERVICE.new_data_key()
PLACE = {"document": "call_1", "field": "metadata.phone"}
SECRET = "Meera Pillai, +91 97011 55238"


def test_a_value_comes_back_as_it_was_and_is_told_apart_from_plain_text() -> None:
    token = SERVICE.encrypt(KEY, SECRET, **PLACE)
    assert SERVICE.decrypt(KEY, token, **PLACE) == SECRET
    assert (key_of(token), key_of(SECRET), key_of("enc:1:97011"), key_of(7)) == (KEY.name, None, None, None)
    assert "Meera" not in token
    assert SERVICE.encrypt(KEY, SECRET, **PLACE) != token


@given(st.text(), st.text(), st.text())
def test_any_text_in_any_place_comes_back(text: str, document: str, field: str) -> None:
    token = SERVICE.encrypt(KEY, text, document=document, field=field)
    assert SERVICE.decrypt(KEY, token, document=document, field=field) == text


@given(st.data())
def test_no_letter_of_a_sealed_value_can_be_another(data: st.DataObject) -> None:
    """Nor can one be left out or added, also where base64 would read the same bytes."""
    token = SERVICE.encrypt(KEY, SECRET, **PLACE)
    at = data.draw(st.integers(0, len(token) - 1))
    letter = data.draw(st.characters(codec="ascii").filter(lambda one: one != token[at]))
    for changed in (
        token[:at] + letter + token[at + 1 :],
        token[:at] + token[at + 1 :],
        token[:at],
        token + letter,
    ):
        with pytest.raises(SealError) as refused:
            SERVICE.decrypt(KEY, changed, **PLACE)
        assert "Meera" not in str(refused.value)


@given(st.data())
def test_no_bit_of_a_sealed_value_can_be_another(data: st.DataObject) -> None:
    head, _, text = SERVICE.encrypt(KEY, SECRET, **PLACE).rpartition(":")
    box = bytearray(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)))
    bit = data.draw(st.integers(0, 8 * len(box) - 1))
    box[bit // 8] ^= 1 << bit % 8
    with pytest.raises(SealError, match="cannot be opened"):
        SERVICE.decrypt(KEY, f"{head}:{base64.urlsafe_b64encode(box).rstrip(b'=').decode()}", **PLACE)


_PLACES = st.tuples(st.text(max_size=6), st.text(max_size=6))


@given(_PLACES, _PLACES)
def test_a_value_does_not_open_in_another_document_or_field(
    one: tuple[str, str], other: tuple[str, str]
) -> None:
    """Not even where both names together read the same."""
    token = SERVICE.encrypt(KEY, SECRET, document=one[0], field=one[1])
    if one == other:
        assert SERVICE.decrypt(KEY, token, document=other[0], field=other[1]) == SECRET
    else:
        with pytest.raises(SealError):
            SERVICE.decrypt(KEY, token, document=other[0], field=other[1])


def test_a_value_does_not_open_with_another_leads_key() -> None:
    token, (other, _) = SERVICE.encrypt(KEY, SECRET, **PLACE), SERVICE.new_data_key()
    with pytest.raises(SealError, match="under another key"):
        SERVICE.decrypt(other, token, **PLACE)
    with pytest.raises(SealError):
        SERVICE.decrypt(DataKey(KEY.name, other.secret), token, **PLACE)


def test_after_a_rotation_the_new_key_opens_what_was_sealed_and_the_old_one_may_go() -> None:
    token = SERVICE.encrypt(KEY, SECRET, **PLACE)
    wrapped = EncryptionService([NEW, OLD]).rewrap(KEY.name, WRAPPED)
    after = EncryptionService([NEW])
    assert after.decrypt(after.unwrap(KEY.name, wrapped), token, **PLACE) == SECRET
    with pytest.raises(SealError, match="lacks the key 'old'"):
        after.unwrap(KEY.name, WRAPPED)


@settings(max_examples=50)
@given(st.data())
def test_a_wrapped_key_cannot_be_changed_or_given_to_another(data: st.DataObject) -> None:
    at = data.draw(st.integers(0, len(WRAPPED) - 1))
    letter = data.draw(st.characters(codec="ascii").filter(lambda one: one != WRAPPED[at]))
    with pytest.raises(SealError):
        SERVICE.unwrap(KEY.name, WRAPPED[:at] + letter + WRAPPED[at + 1 :])
    with pytest.raises(SealError):
        SERVICE.unwrap(secrets.token_hex(16), WRAPPED)


def test_a_held_value_opens_with_the_key_that_it_names() -> None:
    """What waits on the disk survives that another key comes first."""
    held = SERVICE.holding
    token = SERVICE.encrypt(held, SECRET, **PLACE)
    later = EncryptionService([NEW, OLD])
    name = key_of(token)
    assert name == "env.old"
    assert later.decrypt(later.held_key(name), token, **PLACE) == SECRET
    with pytest.raises(SealError, match="'old'"):
        EncryptionService([NEW]).held_key(name)


def test_a_blind_index_is_the_same_each_time_and_another_under_another_key() -> None:
    one, other = BlindIndex(OLD.secret), BlindIndex(NEW.secret)
    assert one.of("+919701155238") == BlindIndex(OLD.secret).of("+919701155238")
    assert len({one.of("+919701155238"), one.of("+919701155239"), other.of("+919701155238")}) == 3


def test_keys_are_read_in_either_alphabet_with_a_name_or_without() -> None:
    secret = bytes([251, 255] * 16)
    for text in (base64.b64encode(secret).decode(), base64.urlsafe_b64encode(secret).rstrip(b"=").decode()):
        assert master_key(f"2026:{text}") == MasterKey("2026", secret)
        assert master_key(text).secret == secret
        assert master_key(text).name == master_key(text).name != master_key("A" * 43).name
    assert "\\xfb" not in repr(master_key(f"2026:{text}"))


@pytest.mark.parametrize(
    "value",
    ["short", "a:AAAA", "!" * 44, "A" * 86, "na me:" + "A" * 43, "a:" + "A" * 43 + ",a:" + "B" * 42 + "A"],
)
def test_a_bad_key_is_refused_by_its_variable_and_never_told(
    value: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ENCRYPTION_KEYS", value)
    get_settings.cache_clear()
    with pytest.raises(SettingsError, match=r"^ENCRYPTION_KEYS ") as refused:
        get_settings()
    assert value not in str(refused.value)


def test_without_the_variables_there_is_neither_service_nor_index(monkeypatch: pytest.MonkeyPatch) -> None:
    assert (encryption(), blind_index()) == (None, None)
    monkeypatch.setenv("ENCRYPTION_KEYS", f"new:{'A' * 43},old:{'B' * 42}A")
    monkeypatch.setenv("BLIND_INDEX_KEY", "A" * 43)
    get_settings.cache_clear()
    service = encryption()
    assert service is not None
    assert (service.first, service.names) == ("new", ("new", "old"))
    assert blind_index() is not None
