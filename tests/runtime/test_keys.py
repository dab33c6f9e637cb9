"""The file of keys: read as a whole or not at all, changed as a whole, in force while it can be read."""

import base64
import json
import os
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from gewu.runtime import keys
from gewu.runtime.keys import Key, KeyRing, KeysFault

GOOD: dict[str, Any] = {"id": "patrol", "sha256": keys.digest("s"), "scopes": ["report"]}


def _file(folder: Path, entries: Any) -> Path:
    path = folder / "keys.json"
    path.write_text(entries if isinstance(entries, str) else json.dumps(entries))
    return path


def _fault(folder: Path, entries: Any) -> str:
    with pytest.raises(KeysFault) as fault:
        keys.read(_file(folder, entries))
    return str(fault.value)


def test_what_was_written_is_read(tmp_path: Path) -> None:
    said = [
        Key("patrol", keys.digest("a"), ("report",), "巡查一队", "2026-01-01T00:00:00+00:00"),
        Key("desk", keys.digest("b"), ("read:*", "act:fire"), revoked_at="2026-01-02T00:00:00+00:00"),
    ]
    keys.write(tmp_path / "keys.json", said)
    assert keys.read(tmp_path / "keys.json") == said


def test_no_file_is_no_key(tmp_path: Path) -> None:
    assert keys.read(tmp_path / "keys.json") == []
    ring = KeyRing(tmp_path / "keys.json")
    assert ring.fault is None and ring.holder("") is None


@pytest.mark.parametrize(
    ("entries", "words"),
    [
        ("", "keys.json: "),
        ("[", "keys.json: "),
        ("{}", "keys.json: entry 1"),
        ([GOOD, "patrol"], "entry 2 has a wrong or missing field"),
        ([None], "entry 1 has a wrong or missing field"),
        ([{**GOOD, "scope": "report"}], "entry 1 has a wrong or missing field: .*scope"),
        ([{"id": "patrol", "sha256": "x"}], "entry 1 has a wrong or missing field: 'scopes'"),
        ([{**GOOD, "scopes": None}], "entry 1 has a wrong or missing field"),
        ([{**GOOD, "scopes": ["report", "rule"]}], "key patrol: scope 'rule' is none of"),
        ([{**GOOD, "scopes": ["read:a b"]}], "key patrol: scope 'read:a b' is none of"),
        ([{**GOOD, "scopes": ["act:Fire"]}], "key patrol: scope 'act:Fire' is none of"),
        ([{**GOOD, "scopes": "report"}], "key patrol: scope 'r' is none of"),
        ([{**GOOD, "id": "Patrol"}], "entry 1: id 'Patrol' is taken or does not match"),
        ([{**GOOD, "id": "anonymous"}], "entry 1: id 'anonymous' is taken"),
        ([GOOD, {**GOOD, "sha256": "x"}], "entry 2: id 'patrol' is taken"),
    ],
)
def test_a_fault_of_the_file_is_named_with_its_place(tmp_path: Path, entries: Any, words: str) -> None:
    assert re.search(words, _fault(tmp_path, entries))


def test_a_file_that_is_no_text_is_a_fault(tmp_path: Path) -> None:
    (tmp_path / "keys.json").write_bytes(b"\xff\xfe[]")
    with pytest.raises(KeysFault, match=r"keys\.json"):
        keys.read(tmp_path / "keys.json")


@pytest.mark.parametrize("wrong", [{"id": 5}, {"id": None}, {"scopes": [5]}, {"scopes": [None]}], ids=str)
def test_a_field_of_a_wrong_type_is_a_fault_like_any_other(tmp_path: Path, wrong: dict[str, Any]) -> None:
    assert "entry 1" in _fault(tmp_path, [{**GOOD, **wrong}])


@pytest.mark.parametrize("wrong", ["", "abc", "A" * 64, keys.digest("s").upper(), 5, ["x"]], ids=str)
def test_a_digest_that_is_none_is_a_fault(tmp_path: Path, wrong: Any) -> None:
    assert "entry 1" in _fault(tmp_path, [{**GOOD, "sha256": wrong}])


def test_two_keys_with_one_secret_are_a_fault(tmp_path: Path) -> None:
    assert "entry 2" in _fault(tmp_path, [GOOD, {**GOOD, "id": "other", "scopes": ["read:*"]}])


def test_a_secret_has_256_bits_and_only_its_digest_is_kept(tmp_path: Path) -> None:
    secrets = {keys.new_secret() for _ in range(100)}
    assert len(secrets) == 100
    for secret in secrets:
        assert len(base64.urlsafe_b64decode(secret.removeprefix("gewu_") + "=")) == 32
        assert len(keys.digest(secret)) == 64
    keys.write(path := tmp_path / "keys.json", [Key("patrol", keys.digest(secret), ("report",))])
    assert secret not in path.read_text() and secret.removeprefix("gewu_") not in path.read_text()


def test_the_file_is_its_owners_only_and_replaced_as_a_whole(tmp_path: Path) -> None:
    path = _file(tmp_path, [])
    path.chmod(0o644)
    with path.open() as reader:
        keys.write(path, [Key("patrol", keys.digest("s"), ("report",))])
        assert reader.read() == "[]", "who reads the old one reads it to its end"
    assert path.stat().st_mode & 0o777 == 0o600
    assert os.listdir(tmp_path) == ["keys.json"]


def test_a_write_that_fails_leaves_the_old_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = _file(tmp_path, [GOOD])

    def full(*_: object) -> None:
        raise OSError("no space left")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="no space"):
        keys.write(path, [])
    assert [k.id for k in keys.read(path)] == ["patrol"] and os.listdir(tmp_path) == ["keys.json"]


def test_a_changed_file_is_in_force_at_the_next_look(tmp_path: Path) -> None:
    path = tmp_path / "keys.json"
    ring = KeyRing(path)
    assert ring.holder("s") is None
    key = Key("patrol", keys.digest("s"), ("report",))
    keys.write(path, [key])
    ring.refresh()
    assert ring.holder("s") == key and ring.holder("t") is None
    keys.write(path, [replace(key, revoked_at="2026-01-02T00:00:00+00:00")])
    ring.refresh()
    assert ring.holder("s") is None, "a revoked key opens nothing"
    assert keys.LOOK_AGAIN_S < 5.0


def test_a_broken_file_leaves_the_last_good_keys_in_force_and_says_so(tmp_path: Path) -> None:
    path = _file(tmp_path, [GOOD])
    ring = KeyRing(path)
    for broken in ("[", json.dumps([{**GOOD, "scopes": ["rule"]}])):
        _file(tmp_path, broken)
        os.utime(path, ns=(0, len(broken)))
        ring.refresh()
        assert ring.fault and ring.holder("s"), broken
    keys.write(path, [Key("other", keys.digest("t"), ("report",))])
    ring.refresh()
    assert ring.fault is None and ring.holder("t") and not ring.holder("s")


def test_a_file_that_goes_away_takes_its_keys_with_it(tmp_path: Path) -> None:
    path = _file(tmp_path, [GOOD])
    ring = KeyRing(path)
    path.unlink()
    ring.refresh()
    assert ring.holder("s") is None


def test_scopes_allow_what_they_name_and_nothing_near_it() -> None:
    key = Key("desk", "x", ("read:fire", "act:*"))
    assert key.may("read", "water", "fire") and key.may("act", "water") and key.may("act")
    assert not key.may("read", "water") and not key.may("read") and not key.may_report
    assert not Key("desk", "x", ("read:*",)).may("act", "fire")
    assert not Key("desk", "x", ("read:fire",)).may("read", "fire-2")


@pytest.mark.parametrize(
    ("said", "secret"),
    [(None, None), ("", ""), ("Bearer x", "x"), ("bearer  x ", "x"), ("Bearer", ""), ("Basic eDp5", ""), ("x", "")],
)
def test_the_secret_in_a_header(said: str | None, secret: str | None) -> None:
    assert keys.bearer(said) == secret
