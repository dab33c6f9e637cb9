"""An installation's secrets: both who make them get the same, and what is there stays in force."""

import json
import os
import stat
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from gewu.dev import access
from gewu.dev.children import CannotStart
from gewu.runtime import keys, secrets_folder
from gewu.runtime.contact import Opener, Sealer


def held(folder: Path) -> dict[str, bytes]:
    """Every file and what is in it."""
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def modes(folder: Path) -> set[int]:
    """The rights of the folder's files."""
    return {stat.S_IMODE(path.stat().st_mode) for path in folder.iterdir()}


def test_what_is_there_stays_and_what_is_missing_is_made(tmp_path: Path) -> None:
    folder = tmp_path / "deep" / "secrets"
    assert all(made for _, made in secrets_folder.make(folder))
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700 and modes(folder) == {0o600}
    before = held(folder)
    assert not any(made for _, made in secrets_folder.make(folder)) and held(folder) == before
    (folder / "link.secret").unlink()
    assert dict(secrets_folder.make(folder))["link.secret"]
    assert held(folder) | {"link.secret": b""} == before | {"link.secret": b""}


def test_a_making_that_was_cut_short_between_the_halves_goes_on_with_the_same_key(tmp_path: Path) -> None:
    secrets_folder.make(tmp_path)
    before = held(tmp_path)
    (tmp_path / "contact-public.json").unlink()
    made = dict(secrets_folder.make(tmp_path))
    assert (made["contact-private.json"], made["contact-public.json"]) == (False, True) and held(tmp_path) == before


def test_many_who_make_it_at_once_make_it_once(tmp_path: Path) -> None:
    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(secrets_folder.make, [tmp_path] * 8))
    assert sum(made for files in found for _, made in files) == 4
    assert len(json.loads((tmp_path / "contact-private.json").read_text())) == 1


def test_a_disk_that_is_full_leaves_no_half_written_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise OSError("no space left")

    with monkeypatch.context() as patched:
        patched.setattr(os, "fsync", full)
        with pytest.raises(OSError, match="no space"):
            secrets_folder.make(tmp_path)
    assert held(tmp_path) == {} and all(made for _, made in secrets_folder.make(tmp_path))


def test_the_launcher_adds_its_keys_to_what_keys_init_made(tmp_path: Path) -> None:
    secrets_folder.make(tmp_path)
    before = held(tmp_path)
    sealed = Sealer.read(tmp_path / "contact-public.json").seal(b"who")
    mine = keys.Key("mine", keys.digest(keys.new_secret()), ("report",))
    keys.write(tmp_path / "keys.json", [mine])
    first = access.prepare(tmp_path)
    assert access.prepare(tmp_path) == first, "a second start goes on with the same keys"
    entries = keys.read(tmp_path / "keys.json")
    assert entries[0] == mine and [key.id for key in entries] == ["mine", "replay", "canary", "ops"]
    ring = keys.KeyRing(tmp_path / "keys.json")
    assert [key and key.id for key in map(ring.holder, (first.report_key, first.ops_key))] == ["replay", "ops"]
    assert Opener.read(tmp_path / "contact-private.json").open(sealed) == b"who"
    after = held(tmp_path)
    assert {name: after[name] for name in before if name != "keys.json"} == {
        name: before[name] for name in before if name != "keys.json"
    }
    assert modes(tmp_path) == {0o600}


def test_the_launcher_closes_a_folder_that_others_could_read(tmp_path: Path) -> None:
    tmp_path.chmod(0o755)
    access.prepare(tmp_path)
    assert stat.S_IMODE(tmp_path.stat().st_mode) == 0o700


def test_the_launcher_does_not_start_where_the_private_half_is_lost(tmp_path: Path) -> None:
    access.prepare(tmp_path)
    (tmp_path / "contact-private.json").unlink()
    with pytest.raises(CannotStart, match=r"contact-private\.json is not: put it back"):
        access.prepare(tmp_path)
