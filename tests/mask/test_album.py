"""No stack of a run stores a picture on which somebody is to be seen, and a run that cannot judge says so."""

import inspect
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest

from gewu.dev.stack import Stack
from tests.support import shared
from tests.support.album import Album, watching

# A test as any other, but that its stack stores what nobody masked.
RUN = """
from pathlib import Path
from gewu.dev.stack import Stack

async def test_a_stack_that_stores_this(tmp_path: Path, demo: Path) -> None:
    stack = Stack(tmp_path / "run", demo)
    data = Path({picture!r}).read_bytes()
    store = stack.data / "pictures" / "aa" / "bb"
    store.mkdir(parents=True)
    (store / {name!r}).write_bytes(data)
    await stack.stop()
    stack.clear()
    assert not store.exists()
"""
Run = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def run(tmp_path: Path) -> Run:
    """A run of the tests with one test, as `make test` runs all: of a stack that stores this picture, or of nothing."""

    def begin(
        picture: Path | None, *more: str, is_whole: bool = False, **variables: str
    ) -> subprocess.CompletedProcess[str]:
        file = tmp_path / "test_one.py"
        name = sha256(picture.read_bytes()).hexdigest() if picture else ""
        file.write_text(RUN.format(picture=str(picture), name=name) if picture else "def test_nothing() -> None: ...\n")
        said = {k: v for k, v in os.environ.items() if k != "CI"}
        words = ["-p", "tests.conftest", "-p", "no:cacheprovider", "-c", "pyproject.toml", "--rootdir", "."]
        command = [sys.executable, "-m", "pytest", *words, f"--basetemp={tmp_path / 'base'}", *more]
        command += ["-o", f"testpaths={file}"] if is_whole else [str(file)]
        return subprocess.run(command, cwd=shared.ROOT, env={**said, **variables}, capture_output=True, text=True)

    return begin


def photograph(folder: Path, picture: Any) -> Path:
    """A file of this picture."""
    import cv2

    file = folder / "photograph.jpg"
    assert cv2.imwrite(str(file), picture)
    return file


def test_one_face_in_the_store_of_any_stack_fails_the_run(run: Run, tmp_path: Path, portrait: Any) -> None:
    ended = run(photograph(tmp_path, portrait))
    assert ended.returncode == 1 and "a face (" in ended.stdout and "/run/pictures: " in ended.stdout, ended.stdout
    assert "1 passed, 1 error" in ended.stdout


def test_a_picture_of_nobody_does_not(run: Run, tmp_path: Path, models: Path) -> None:
    import numpy as np

    ended = run(photograph(tmp_path, np.full((90, 120, 3), 90, np.uint8)))
    assert ended.returncode == 0 and "pictures: masked and judged" in ended.stdout, ended.stdout


@pytest.mark.parametrize(
    ("more", "is_whole", "is_covered", "code"),
    [((), True, False, 1), ((), True, True, 0), ((), False, False, 0), (("-k", "stores"), True, False, 0)],
)
def test_a_whole_run_that_covered_nobody_is_no_green_one_and_a_part_of_it_is(
    run: Run, tmp_path: Path, models: Path, more: tuple[str, ...], is_whole: bool, is_covered: bool, code: int
) -> None:
    import numpy as np

    street = np.full((90, 120, 3), 90, np.uint8)
    street[20:60, 30:70] = 0 if is_covered else 90
    ended = run(photograph(tmp_path, street), *more, is_whole=is_whole)
    assert ended.returncode == code, ended.stdout
    assert ("no stack stored a picture on which anything was covered" in ended.stdout) is bool(code)


async def test_each_picture_is_kept_once_also_of_a_stack_that_was_never_stopped_or_is_anothers(
    tmp_path: Path, demo: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("__init__", "stop", "clear"):  # the run's own album has no use for what are no pictures
        monkeypatch.setattr(Stack, name, inspect.unwrap(getattr(Stack, name)))

    def store(data: Path, *pictures: bytes) -> None:
        for picture in pictures:
            (data / "pictures").mkdir(parents=True, exist_ok=True)
            (data / "pictures" / sha256(picture).hexdigest()).write_bytes(picture)

    (tmp_path / "album").mkdir()
    before = Stack.__init__, Stack.stop, Stack.clear
    with watching(Album(tmp_path / "album")) as album:
        stopped, running, other = Stack(tmp_path / "a", demo), Stack(tmp_path / "b", demo), tmp_path / "c"
        album.follow(other)
        store(stopped.data, b"1", b"2")
        await stopped.stop()
        shutil.rmtree(stopped.data)
        store(running.data, b"2", b"3")
        store(other, b"4")
        (other / "pictures" / ".half-a-picture").write_bytes(b"5")
        album.gather()
    assert sorted(p.read_bytes() for p in album.folder.iterdir()) == [b"1", b"2", b"3", b"4"]
    assert (Stack.__init__, Stack.stop, Stack.clear) == before


def test_a_folder_that_lacks_a_model_is_named_and_with_ci_set_fails_the_run(run: Run, tmp_path: Path) -> None:
    none, some = tmp_path / "none", tmp_path / "some"
    none.mkdir()
    (some / "models").mkdir(parents=True)
    (some / "models" / "face_detect_yunet_n.onnx").write_bytes(b"x")
    assert shared.lacking(none) == ["models"] and "models/plate_detect_640.onnx" in shared.lacking(some)
    assert "models/face_detect_yunet_n.onnx" not in shared.lacking(some)
    for folder, ci, code in ((none, "true", 0), (some, "", 0), (some, "true", 1)):
        said = run(None, SHARED=str(folder), CI=ci)
        assert said.stdout.count("NOT PROVED HERE") == 2 and "1 passed" in said.stdout, said.stdout
        assert said.returncode == code, said.stdout
