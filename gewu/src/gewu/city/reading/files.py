"""The files of a package as text, and their common hash."""

import hashlib
from pathlib import Path

from gewu.city.faults import Fault, Notes

MUST = ("city.toml", "departments.csv", "codebook.csv", "grids.geojson", "routing.csv")
MAY = (
    "limits.csv", "places.geojson", "objects.csv", "sensors.csv", "cameras.csv", "scenes.toml", "receivers.csv", "notices.csv",
    "calendar.csv", "codes.csv", "people.csv", "duties.csv", "absences.csv", "lights.csv",
)  # fmt: skip
ROSTER = ("people.csv", "duties.csv", "absences.csv")
_DATA = {".toml", ".csv", ".geojson", ".json"}
_BOM = b"\xef\xbb\xbf"


def read_files(folder: Path, found: list[Fault]) -> dict[str, bytes]:
    """Read the package's files as they lie there, noting those that are missing or that no package has."""
    raw = {}
    for name in sorted(MUST + MAY):
        try:
            raw[name] = (folder / name).read_bytes()
        except FileNotFoundError:
            if name in MUST:
                Notes(name, found).line(None, "is missing; every package has this file")
        except OSError as failure:
            Notes(name, found).line(None, f"cannot be read: {failure.strerror}")
    for path in sorted(folder.iterdir()):
        if path.suffix.lower() in _DATA and path.name not in MUST + MAY:
            known = ", ".join(sorted(MUST + MAY))
            Notes(path.name, found).line(None, f"is no file of a package; its files are {known}")
    return raw


def fingerprint(raw: dict[str, bytes]) -> str:
    """Give the first 12 hex digits of a SHA-256 over names, lengths and bytes of the files.

    Not of who is on duty and who is away: no case is routed by that, and a sick day is no new version of a city.
    """
    digest = hashlib.sha256()
    for name, data in sorted(item for item in raw.items() if item[0] not in ROSTER):
        digest.update(f"{name}\0{len(data)}\0".encode())
        digest.update(data)
    return digest.hexdigest()[:12]


def to_text(data: bytes, notes: Notes) -> str | None:
    """Decode UTF-8 without a byte order mark or NUL; None when the file cannot be read any further."""
    if data.startswith(_BOM):
        notes.line(1, "starts with a byte order mark; save it as UTF-8 without BOM")
        data = data[len(_BOM) :]
    if (at := data.find(b"\0")) >= 0:
        notes.line(data.count(b"\n", 0, at) + 1, "holds a NUL byte; a package is plain text in UTF-8")
        return None
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError as failure:
        line = data.count(b"\n", 0, failure.start) + 1
        byte = data[failure.start]
        notes.line(line, f"byte 0x{byte:02x} is not UTF-8; save the file as UTF-8 (a spreadsheet may have written GBK)")
        return None
