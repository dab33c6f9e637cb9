"""Photographs with plates, where the shared folder and the models are there, and a clip made of two of them."""

import os
from datetime import date, timedelta
from pathlib import Path

import cv2
import numpy as np

from tests.support import shared

SHARED = shared.folder()
FRAMES = SHARED / "eval" / "plates" / "frames"
NEEDS = "needs ../shared/models (or GEWU_MODELS) and ../shared/eval/plates"
ASKED, CANARY = "皖AG2R28", "皖A195K9"
_PHOTOS = {ASKED: "frame_0004.jpg", CANARY: "frame_0002.jpg"}
_RATE, _EACH_S = 4, 4
SIZE = 720, 1160


def models() -> str:
    """The folder of models, "" where there is none."""
    said = os.environ.get("GEWU_MODELS") or str(SHARED / "models")
    return said if Path(said).is_dir() else ""


def are_there() -> bool:
    """Whether plates can be shown and read here."""
    return bool(models()) and all((FRAMES / name).is_file() for name in _PHOTOS.values())


def photo(plate: str) -> np.ndarray:
    """The photograph in which this plate stands."""
    return cv2.imread(str(FRAMES / _PHOTOS[plate]))


def draw(path: Path) -> None:
    """A clip: the canary, an empty picture, the plate that is asked for; four seconds each."""
    import av

    empty = np.full((SIZE[1], SIZE[0], 3), 90, np.uint8)
    with av.open(str(path), "w", format="mp4") as container:
        stream = container.add_stream("libx264", rate=_RATE)
        stream.width, stream.height, stream.pix_fmt = *SIZE, "yuv420p"
        stream.options = {"preset": "veryfast", "crf": "20"}
        for picture in (photo(CANARY), empty, photo(ASKED), empty):
            for _ in range(_RATE * _EACH_S):
                for packet in stream.encode(av.VideoFrame.from_ndarray(picture, format="bgr24")):
                    container.mux(packet)
        for packet in stream.encode(None):
            container.mux(packet)


def rule(camera: str, plate: str, purpose: str, today: date) -> str:
    """A plate rule of a package's scenes.toml, in force from yesterday to tomorrow."""
    return f"""
[[plate]]
id = "stolen-7"
cameras = ["{camera}"]
category = "matter:09009"
purpose = "{purpose}"
plates = ["{plate}"]
approved_by = ["甲", "乙"]
valid_from = {today - timedelta(days=1)}
valid_to = {today + timedelta(days=1)}
"""
