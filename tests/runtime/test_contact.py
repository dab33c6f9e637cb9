"""Contacts are sealed: intake cannot open what it sealed; who keeps the private keys can, as long as they are kept."""

import json
import os
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from nacl.exceptions import CryptoError
from nacl.public import PrivateKey, SealedBox

from gewu.runtime import contact
from gewu.runtime.contact import Opener, Sealed, Sealer

PLAIN = "李梅 +86 139 0000 0000".encode()


@pytest.fixture
def pair(tmp_path: Path) -> tuple[Path, Path]:
    """The private file, which no service has, and the public file of intake."""
    private, public = tmp_path / "private.json", tmp_path / "public.json"
    contact.rotate(private, public, "first")
    return private, public


def test_only_the_private_key_opens(pair: tuple[Path, Path]) -> None:
    private, public = pair
    sealed = Sealer.read(public).seal(PLAIN)
    assert sealed.key_id == "first" and PLAIN not in sealed.box
    assert Opener.read(private).open(sealed) == PLAIN
    assert Opener({"first": bytes(PrivateKey.generate())}).open(sealed) is None
    assert Opener({}).open(sealed) is None


def test_intakes_file_holds_no_private_half_and_cannot_open(pair: tuple[Path, Path]) -> None:
    private, public = pair
    said = json.loads(public.read_text())
    assert set(said) == {"key_id", "public"}
    for secret in json.loads(private.read_text()).values():
        assert secret not in public.read_text()
    sealed = Sealer.read(public).seal(PLAIN)
    with pytest.raises(CryptoError):
        SealedBox(PrivateKey(bytes.fromhex(said["public"]))).decrypt(sealed.box)


def test_the_same_contact_is_never_the_same_box(pair: tuple[Path, Path]) -> None:
    sealer = Sealer.read(pair[1])
    assert len({sealer.seal(PLAIN).box for _ in range(50)}) == 50


def test_after_a_rotation_the_new_key_seals_and_the_old_boxes_still_open(pair: tuple[Path, Path]) -> None:
    private, public = pair
    old = Sealer.read(public).seal(PLAIN)
    contact.rotate(private, public, "second")
    new = Sealer.read(public).seal(PLAIN)
    assert (old.key_id, new.key_id) == ("first", "second")
    opener = Opener.read(private)
    assert opener.open(old) == opener.open(new) == PLAIN
    assert list(json.loads(private.read_text())) == ["first", "second"], "newest last"


def test_the_public_half_can_be_made_again_from_the_newest_private_key(pair: tuple[Path, Path]) -> None:
    private, public = pair
    contact.rotate(private, public, "second")
    before = public.read_bytes()
    public.unlink()
    contact.rewrite_public(private, public)
    assert public.read_bytes() == before
    private.write_text("{}")
    with pytest.raises(ValueError, match="no private key"):
        contact.rewrite_public(private, public)
    assert public.read_bytes() == before


def test_a_key_that_is_thrown_away_forgets_what_it_sealed(pair: tuple[Path, Path]) -> None:
    private, public = pair
    old = Sealer.read(public).seal(PLAIN)
    contact.rotate(private, public, "second")
    kept = json.loads(private.read_text())
    del kept["first"]
    private.write_text(json.dumps(kept))
    assert Opener.read(private).open(old) is None


_private = PrivateKey.generate()
_sealed = Sealer("k", bytes(_private.public_key)).seal(PLAIN)
_opener = Opener({"k": bytes(_private)})


@settings(deadline=None)
@given(st.integers(0, len(_sealed.box) * 8 - 1))
def test_a_box_with_any_bit_turned_is_none(bit: int) -> None:
    box = bytearray(_sealed.box)
    box[bit // 8] ^= 1 << bit % 8
    assert _opener.open(replace(_sealed, box=bytes(box))) is None


@settings(deadline=None)
@given(st.binary(max_size=200))
def test_a_box_of_any_other_bytes_is_none(box: bytes) -> None:
    assert _opener.open(Sealed("k", box)) is None


def test_a_box_under_another_keys_name_is_none() -> None:
    other = Opener({"k": bytes(PrivateKey.generate()), "l": bytes(_private)})
    assert other.open(_sealed) is None and other.open(replace(_sealed, key_id="l")) == PLAIN


def test_the_private_file_is_its_owners_only(pair: tuple[Path, Path]) -> None:
    private, public = pair
    assert private.stat().st_mode & 0o777 == 0o600
    private.chmod(0o640)
    contact.rotate(private, public, "second")
    assert private.stat().st_mode & 0o777 == 0o600


def test_a_rotation_that_fails_loses_no_key(pair: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch) -> None:
    private, public = pair
    sealed = Sealer.read(public).seal(PLAIN)

    def full(*_: object) -> None:
        raise OSError("no space left")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="no space"):
        contact.rotate(private, public, "second")
    assert Opener.read(private).open(sealed) == PLAIN and Sealer.read(public).key_id == "first"
