"""A reference names what was masked and stored, for whoever uploaded it, for a day; anything else names nothing."""

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from gewu.pictures import reference
from gewu.pictures.reference import VALID, NoPicture, Picture, References

NOW = datetime(2026, 11, 23, 8, tzinfo=UTC)
OURS = References(b"s" * 32)
ONE = Picture(
    b"\x01" * 32, 1234, "image/jpeg", "gewu.mask 1, face_detect_yunet_n 104ee26c71d5, plate_detect_640 0306de937471"
)
SAID = OURS.make(ONE, "key:app", NOW)


def test_it_names_its_picture_for_a_day() -> None:
    assert OURS.read(SAID, "key:app", NOW + timedelta(hours=1)) == ONE == reference.picture(SAID)
    assert OURS.read(SAID, "key:app", NOW + VALID) == ONE
    assert OURS.read(SAID, "key:app", NOW + VALID + timedelta(seconds=1)) is NoPicture.EXPIRED
    assert OURS.read(SAID, "key:app", NOW - timedelta(hours=1)) is NoPicture.EXPIRED
    assert len(SAID) < 400


def test_another_secret_or_another_client_has_nothing_of_it() -> None:
    assert References(b"t" * 32).read(SAID, "key:app", NOW) is NoPicture.NOT_OURS
    assert OURS.read(SAID, "key:other", NOW) is NoPicture.NOT_OURS
    assert OURS.read(SAID, "anonymous", NOW) is NoPicture.NOT_OURS


@given(st.integers(0, len(SAID) - 1), st.characters(exclude_categories=["Cs"]))
def test_one_changed_sign_makes_it_nothing(at: int, sign: str) -> None:
    changed = SAID[:at] + sign + SAID[at + 1 :]
    assert changed == SAID or OURS.read(changed, "key:app", NOW) is NoPicture.NOT_OURS


@given(st.text(st.characters(exclude_categories=["Cs"])))
def test_whatever_is_sent_is_read_without_harm(said: str) -> None:
    assert OURS.read(said, "key:app", NOW) is NoPicture.NOT_OURS
