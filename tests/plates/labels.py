"""labels.csv of a folder of plates: what each picture shows, as somebody read it."""

import csv
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

COLUMNS = ("file", "plate", "colour", "synthetic", "doubt", "box_xyxy")


class WrongFolder(Exception):
    """The folder cannot be judged with; the text says why."""


@dataclass(frozen=True, slots=True)
class Label:
    """One picture. plate "": none is in it; box: where the plate is (left, top, right, bottom), None for a crop."""

    path: Path
    plate: str
    colour: str
    is_synthetic: bool
    box: tuple[float, ...] | None

    @property
    def is_frame(self) -> bool:
        """Whether it is a whole picture, in which a plate must be found first."""
        return self.box is not None or not self.plate


def read(folder: Path) -> list[Label]:
    """All rows without a doubt; WrongFolder names what is missing."""
    file = folder / "labels.csv"
    try:
        with file.open(encoding="utf-8-sig", newline="") as text:
            rows = csv.DictReader(text)
            missing = [c for c in COLUMNS if c not in (rows.fieldnames or ())]
            if missing:
                raise WrongFolder(f"{file} lacks the columns {', '.join(missing)}")
            return list(_labels(folder, rows))
    except OSError as fault:
        raise WrongFolder(
            f"{file} cannot be read ({fault.strerror}); DATA must name a folder with a labels.csv"
        ) from None


def _labels(folder: Path, rows: "csv.DictReader[str]") -> Iterator[Label]:
    for row in rows:
        if row["doubt"].strip():
            continue
        path, box = folder / row["file"], tuple(map(float, row["box_xyxy"].replace(",", " ").split()))
        if not path.is_file():
            raise WrongFolder(f"{folder / 'labels.csv'} names {row['file']}, which is not there")
        if len(box) not in (0, 4):
            raise WrongFolder(f"{row['file']}: box_xyxy must be four numbers, not {row['box_xyxy']!r}")
        yield Label(path, row["plate"].strip(), row["colour"].strip(), row["synthetic"].strip() == "1", box or None)
