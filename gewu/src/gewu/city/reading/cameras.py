"""cameras.csv: the register of cameras, with what the law asks of each."""

import re
from collections.abc import Container
from enum import StrEnum
from typing import TypeVar
from urllib.parse import urlsplit

from gewu.city.faults import Notes
from gewu.city.reading.table import Row, read_table
from gewu.city.reading.values import Say, at_line, known, number, once, text
from gewu.city.scene import Camera, ForbiddenPlace, KindOfPlace, Purpose

COLUMNS = (
    "id", "label_zh", "label_en", "programme", "owner", "supplier", "lon", "lat", "kind_of_place", "level", "purpose",
    "filing", "source", "silent_after_s", "fps",
)  # fmt: skip
LAW = "State Council Order 799, Article 8"
# GB/T 28181-2022, annex D: digits 11 to 13 of an id say what the device is.
CAMERAS = {"131": "camera", "132": "network camera"}
_ID = re.compile(r"\d{20}", re.ASCII)
_FILE = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")
_LEVELS = ("1", "2", "3")
E = TypeVar("E", bound=StrEnum)


def read_cameras(source: str, departments: Container[str] | None, notes: Notes) -> dict[str, Camera] | None:
    """Read the cameras by id; None when the table itself is unreadable, as it is for departments."""
    rows = read_table(source, COLUMNS, notes)
    if rows is None:
        return None
    cameras: dict[str, Camera] = {}
    lines: dict[str, int] = {}
    for row in rows:
        camera = _camera(row, departments, at_line(notes, row.line))
        if once(camera.id, row, lines, "camera", notes):
            cameras[camera.id] = camera
    return cameras


def _camera(row: Row, departments: Container[str] | None, say: Say) -> Camera:
    _check_id(row["id"], say)
    for column in ("owner", "supplier"):
        known(row[column], column, "departments.csv", departments, say)
    if row["level"] not in _LEVELS:
        say(f"level {row['level']!r} is none of 1 2 3 (一类点 二类点 三类点)")
    return Camera(
        id=row["id"],
        label_zh=text(row["label_zh"], "label_zh", say),
        label_en=text(row["label_en"], "label_en", say),
        programme=text(row["programme"], "programme", say),
        owner=row["owner"],
        supplier=row["supplier"],
        lon=number(row["lon"], "lon", -180, 180, say),
        lat=number(row["lat"], "lat", -90, 90, say),
        kind_of_place=_place(row["kind_of_place"], say),
        level=int(row["level"]) if row["level"] in _LEVELS else 3,
        purpose=_one_of(Purpose, row["purpose"], "purpose", say),
        # Filing is due within thirty days of use (Article 14): a camera that has none yet says so in words.
        filing=text(row["filing"], "filing", say),
        source=_source(row["source"], say),
        silent_after_s=number(row["silent_after_s"], "silent_after_s", 5, 86_400, say),
        fps=number(row["fps"], "fps", 0.2, 10, say),
    )


def _check_id(said: str, say: Say) -> None:
    if not _ID.fullmatch(said):
        say(f"camera id {said!r} must be the 20 digits of GB/T 28181; it has {len(said)} characters")
    elif said[10:13] not in CAMERAS:
        right = ", ".join(f"{code} ({what})" for code, what in CAMERAS.items())
        say(f"camera id {said!r}: digits 11 to 13 are {said[10:13]}; of a camera they are {right}")


def _place(said: str, say: Say) -> KindOfPlace:
    if said in set(ForbiddenPlace):
        say(f"kind_of_place {said!r}: no camera may stand there ({LAW}); take this one down")
        return KindOfPlace.STREET
    return _one_of(KindOfPlace, said, "kind_of_place", say)


def _one_of(kinds: type[E], said: str, what: str, say: Say) -> E:
    try:
        return kinds(said)
    except ValueError:
        say(f"{what} {said!r} is none of {', '.join(kinds)}")
        return next(iter(kinds))


def _source(said: str, say: Say) -> str:
    """A file's name or rtsp(s)://host[:port]/path; a login in it is refused without being repeated."""
    if "://" not in said:
        if not _FILE.fullmatch(said):
            say(f"source {said!r} must be an rtsp address or the name of a file, without a folder")
        return said
    try:
        parts = urlsplit(said)
        host, port = parts.hostname, parts.port
    except ValueError:
        host = port = parts = None
    if parts is not None and "@" in parts.netloc:
        say("source holds a login; it belongs into the file of logins that the video service is given")
        return ""
    if parts is None or parts.scheme not in ("rtsp", "rtsps") or not host or port == 0 or re.search(r"\s", said):
        say(f"source {said!r} must look like rtsp://host:port/path or be the name of a file")
    return said
