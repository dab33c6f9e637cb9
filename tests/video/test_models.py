"""Models are an allow-list by hash: fetched against it, loaded against it, and refused with a word on what to do."""

import http.server
import json
import threading
from collections.abc import Iterator
from functools import partial
from hashlib import sha256
from pathlib import Path

import pytest

from gewu import cli
from gewu.vision import fetching, models
from gewu.vision.models import Model, ModelMissing
from tests.video import plates

TINY = b"no network, but bytes all the same"


@pytest.fixture
def published(tmp_path: Path) -> Iterator[tuple[str, Path]]:
    """A web server on loopback and its folder."""
    folder = tmp_path / "published"
    folder.mkdir()
    handler = partial(http.server.SimpleHTTPRequestHandler, directory=str(folder))
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_address[1]}", folder
    server.shutdown()
    server.server_close()


@pytest.fixture
def tiny(monkeypatch: pytest.MonkeyPatch) -> Model:
    """A manifest of one small file."""
    made = Model(
        "tiny", "a test", "tiny.onnx", sha256(TINY).hexdigest(), len(TINY), "CC0", ("out",), "http://x/tiny.onnx"
    )
    monkeypatch.setattr(models, "known", lambda: {"tiny": made})
    return made


def test_a_model_is_fetched_and_held_to_its_hash(
    published: tuple[str, Path], tiny: Model, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    address, folder = published
    (folder / tiny.file).write_bytes(TINY)
    command = ["models", "fetch", "--to", str(tmp_path / "got"), "--mirror", address]
    assert cli.main(command) == 0 and (tmp_path / "got/tiny.onnx").read_bytes() == TINY
    (folder / tiny.file).unlink()
    assert cli.main(command) == 0, "what is there and right is not fetched again"
    assert cli.main(["models", "check", "--folder", str(tmp_path / "got")]) == 0
    assert models.model("tiny", tmp_path / "got").name == "tiny.onnx"


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (b"another file of that length, truly", "is another file"),
        (TINY + b"!", "gives more than its 34 bytes"),
        (None, "404"),
    ],
)
def test_what_is_not_it_gets_no_name(
    published: tuple[str, Path],
    tiny: Model,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    data: bytes | None,
    why: str,
) -> None:
    address, folder = published
    if data is not None:
        (folder / tiny.file).write_bytes(data)
    assert cli.main(["models", "fetch", "--to", str(tmp_path / "got"), "--mirror", address]) == 1
    assert why in capsys.readouterr().err and list((tmp_path / "got").iterdir()) == []


def test_a_model_without_an_address_says_how_to_come_by_it(tmp_path: Path) -> None:
    by_hand = models.known()["plate_read_ppocrv4"]
    with pytest.raises(fetching.NotFetched, match="by hand"):
        fetching.fetch(by_hand, tmp_path)


def test_a_missing_or_wrong_model_says_what_to_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("GEWU_MODELS", raising=False)
    with pytest.raises(
        ModelMissing, match=r"set GEWU_MODELS to one that holds plate_detect_640\.onnx; `gewu models fetch"
    ):
        models.model("plate_detect_640")
    with pytest.raises(ModelMissing, match="cannot be read"):
        models.model("plate_detect_640", tmp_path)
    (tmp_path / "plate_detect_640.onnx").write_bytes(b"x")
    with pytest.raises(ModelMissing, match="is another file: its SHA-256 is 2d711642"):
        models.session("plate_detect_640", tmp_path)
    with pytest.raises(KeyError):
        models.model("face_embed_mobileface_v2", tmp_path)


def test_no_model_of_the_list_knows_faces_from_each_other_or_what_people_are() -> None:
    tasks = " ".join(m.task for m in models.known().values()).lower()
    assert not [word for word in ("embed", "recogn", "age", "gender", "emotion", "gait") if word in tasks.split()]
    assert [m.name for m in models.known().values() if "face" in m.name] == ["face_detect_yunet_n"]
    assert "to cover them" in models.known()["face_detect_yunet_n"].task


@pytest.mark.skipif(not plates.are_there(), reason=plates.NEEDS)
def test_a_model_with_other_outputs_than_the_list_allows_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    real = models.known()["plate_colour_96"]
    other = Model(real.name, real.task, real.file, real.sha256, real.bytes, real.licence, ("output", "emotion"))
    monkeypatch.setattr(models, "known", lambda: {real.name: other})
    with pytest.raises(ModelMissing, match="the manifest allows output, emotion"):
        models.session(real.name, Path(plates.models()))


def test_the_list_is_had_for_machines_too(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["models", "list", "--json"]) == 0
    listed = json.loads(capsys.readouterr().out)
    assert {model["name"] for model in listed} == models.known().keys()
    assert {model["comes"] for model in listed} <= {"by fetch", "by hand", "with gewu-video[read]"}
