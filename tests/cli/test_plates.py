"""`gewu plates open`: what was sealed is read with the private keys alone, and only as it was found."""

import io
import json
from base64 import b64encode
from pathlib import Path
from typing import Any

import pytest

from gewu.runtime import contact
from gewu.runtime.contact import Sealer
from gewu.v1.signal_pb2 import Plate
from tests.cli.running import Gewu

OWN, OTHER = "019a9c2f-0c11-8043-bca3-b40a3b39bfd7", "019a9c2f-0c11-8043-bca3-b40a3b39bfd8"


@pytest.fixture
def keys(tmp_path: Path) -> Path:
    """The private keys; the public half lies beside them."""
    contact.rotate(tmp_path / "contact-private.json", tmp_path / "public.json", "first")
    return tmp_path / "contact-private.json"


def sealed(keys: Path, text: str = "皖AG2R28", signal: str = OWN, **words: Any) -> dict[str, Any]:
    """A plate as dispatch gives it."""
    plain = Plate(signal_id=OWN, text=text, confidence=0.9375)
    box = Sealer.read(keys.with_name("public.json")).seal(plain.SerializeToString())
    said = {
        "signal_id": signal, "observed_at": "2026-03-04T10:00:00Z", "camera_id": "99010100001310000001",
        "rule_id": "stolen-7", "purpose": "案件 7", "key_id": box.key_id, "box": b64encode(box.box).decode(),
    }  # fmt: skip
    return {**said, **words}


def answer(keys: Path, *plates: Any) -> Path:
    """A file of dispatch's answer."""
    file = keys.with_name("sealed.json")
    file.write_text(json.dumps({"plates": plates}))
    return file


def test_whoever_holds_the_keys_reads_the_plate(gewu: Gewu, keys: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = answer(keys, sealed(keys))
    ended = gewu("plates", "open", file, "--keys", keys)
    assert (ended.code, ended.err) == (0, "") and "皖AG2R28" in ended.out and "stolen-7" in ended.out
    monkeypatch.setattr("sys.stdin", io.StringIO(file.read_text()))
    (found,) = json.loads(gewu("plates", "open", "-", "--keys", keys, "--json").out)
    assert (found["plate"], found["confidence"], found["signal_id"]) == ("皖AG2R28", 0.9375, OWN)


def test_a_box_that_was_moved_changed_or_whose_key_is_gone_is_named_and_the_others_are_read(
    gewu: Gewu, keys: Path
) -> None:
    good = sealed(keys)
    changed = sealed(keys, box=good["box"][:-8] + "AAAAAAA=")
    odd = [
        sealed(keys, signal=OTHER), changed, sealed(keys, key_id="thrown-away"), sealed(keys, "\x1b[2J"),
        sealed(keys, box="?"), {}, None,
    ]  # fmt: skip
    ended = gewu("plates", "open", answer(keys, *odd, good), "--keys", keys)
    assert ended.code == 1 and ended.out.count("皖AG2R28") == 1 and "\x1b" not in ended.out + ended.err
    faults = ended.err.splitlines()
    assert [line.split(":")[1].strip() for line in faults] == [f"plate {n}" for n in range(1, 8)]
    assert "somebody moved it" in faults[0] and "thrown-away is not kept" in faults[2]


@pytest.mark.parametrize("text", ["", "[]", '{"plates": 1}', '{"cases": []}'])
def test_what_is_no_answer_of_dispatch_is_refused(gewu: Gewu, keys: Path, text: str) -> None:
    file = keys.with_name("x.json")
    file.write_text(text)
    ended = gewu("plates", "open", file, "--keys", keys)
    assert (ended.code, ended.out) == (2, "") and str(file) in ended.err


def test_a_public_file_opens_nothing(gewu: Gewu, keys: Path) -> None:
    ended = gewu("plates", "open", answer(keys, sealed(keys)), "--keys", keys.with_name("public.json"))
    assert (ended.code, ended.out) == (2, "") and "private keys" in ended.err


def test_a_scope_for_the_plates_of_all_departments_is_refused(gewu: Gewu, tmp_path: Path) -> None:
    file = tmp_path / "keys.json"
    assert gewu("keys", "add", "one", "--scope", "plates:police", "--file", file).code == 0
    for wrong in ("plates:*", "plates", "plates:"):
        ended = gewu("keys", "add", "all", "--scope", wrong, "--file", file)
        assert ended.code == 2 and "knows no *" in ended.err
