"""`python -m gewu_video.clips FOLDER`: small made-up clips for the cameras of the demo city, drawn where they are missing."""

import sys
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

SIZE = 640, 360
_RATE = 5
_GREY, _CAR = (96, 92, 90), (168, 60, 30)
# What a clip shows: (name, seconds, what stands, when it comes and goes).
CLIPS = {
    "fire-lane.mp4": (60.0, (210, 120), (12.0, 45.0)),
    "street-corner.mp4": (90.0, (120, 70), (20.0, 70.0)),
}


def background(rng: np.random.Generator) -> NDArray[np.uint8]:
    """A road between two walls, with a grain that an encoder keeps."""
    width, height = SIZE
    picture = np.full((height, width, 3), _GREY, np.uint8)
    picture[: height // 3] = (150, 160, 165)
    picture[:, : width // 6] = (110, 120, 140)
    grain = rng.integers(-12, 13, (height // 4, width // 4, 1))
    return np.clip(picture.astype(int) + np.kron(grain, np.ones((4, 4, 1), int)), 0, 255).astype(np.uint8)


def with_block(picture: NDArray[np.uint8], left: int, top: int, size: tuple[int, int]) -> NDArray[np.uint8]:
    """The same with something like a car in it; what lies outside is cut off."""
    made = picture.copy()
    x, y = max(0, left), max(0, top)
    made[y : top + size[1], x : max(0, left + size[0])] = _CAR
    made[y + size[1] // 8 : y + size[1] // 3, max(0, left + size[0] // 6) : max(0, left + size[0] * 5 // 6)] = (
        60,
        50,
        45,
    )
    return made


def draw(path: Path, seconds: float, size: tuple[int, int], there: tuple[float, float], rate: int = _RATE) -> None:
    """H.264: an empty road, something drives into its middle, stands from there[0] to there[1] seconds, and leaves."""
    import av

    width, height = SIZE
    empty = background(np.random.default_rng(7))
    middle, top = (width - size[0]) // 2, int(height * 0.5)
    with av.open(str(path), "w", format="mp4") as container:
        stream = container.add_stream("libx264", rate=rate)
        stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
        stream.options = {"preset": "veryfast", "g": str(rate * 2)}
        for n in range(int(seconds * rate)):
            t = n / rate
            away = max(there[0] - t, t - there[1], 0.0)  # seconds before it stands or after it left
            picture = empty if away > 2 else with_block(empty, middle + int(away * width / 2), top, size)
            for packet in stream.encode(av.VideoFrame.from_ndarray(picture, format="bgr24")):
                container.mux(packet)
        for packet in stream.encode(None):
            container.mux(packet)


def main() -> int:
    """Draw what is missing; exit code 2 without a folder."""
    if len(sys.argv) != 2:
        print("usage: python -m gewu_video.clips FOLDER", file=sys.stderr)
        return 2
    folder = Path(sys.argv[1])
    folder.mkdir(parents=True, exist_ok=True)
    for name, clip in CLIPS.items():
        if not (folder / name).exists():
            fresh = folder / f".{name}.new"
            draw(fresh, *clip)
            fresh.replace(folder / name)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
