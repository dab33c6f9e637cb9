"""Finding faces, for one thing only: to cover them. YuNet at its own sizes; nothing of a face is measured, kept or compared."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gewu.vision import models

TO_COVER = 0.3
_STRIDES = (8, 16, 32)
_SAME = 0.3  # boxes that overlap more than this (intersection over union) are of one face

Picture = NDArray[np.uint8]


class FaceFinder:
    """Finds faces at or above a score; ModelMissing without its model."""

    def __init__(self, at_least: float = TO_COVER, folder: Path | None = None) -> None:
        self.model = models.known()["face_detect_yunet_n"]
        self._session, self._at_least = models.session(self.model.name, folder), at_least

    def find(self, picture: Picture, side: int) -> NDArray[np.float32]:
        """Faces of a picture (BGR, uint8) that is looked at with this longest side: left, top, right, bottom, score a row.

        In pixels of the picture. The model knows faces of some 10 to 300 pixels, so a large one is found at a small side.
        """
        import cv2

        height, width = picture.shape[:2]
        scale = min(1.0, side / max(height, width))
        size = max(1, round(width * scale)), max(1, round(height * scale))
        seen = picture if scale == 1.0 else cv2.resize(picture, size, interpolation=cv2.INTER_AREA)
        padded = np.zeros((-(-size[1] // 32) * 32, -(-size[0] // 32) * 32, 3), np.uint8)
        padded[: size[1], : size[0]] = seen
        names = [out.name for out in self._session.get_outputs()]
        said = self._session.run(names, {"input": cv2.dnn.blobFromImage(padded)})
        found = decode(dict(zip(names, said, strict=True)), padded.shape[1], self._at_least)
        found[:, :4] /= scale
        return found


def decode(said: Mapping[str, NDArray[Any]], width: int, at_least: float) -> NDArray[np.float32]:
    """The model's tensors over a picture of this width (of 32s) as boxes and scores, one for each face, the surest first."""
    import cv2

    rows = []
    for stride in _STRIDES:
        sure = said[f"cls_{stride}"][0, :, 0].clip(0, 1) * said[f"obj_{stride}"][0, :, 0].clip(0, 1)
        (own,) = np.nonzero(sure >= at_least**2)
        row, column = np.divmod(own, width // stride)
        box = said[f"bbox_{stride}"][0, own]
        middle = (np.stack([column, row], axis=1) + box[:, :2]) * stride
        half = np.exp(box[:, 2:]) * stride / 2
        rows.append(np.hstack([middle - half, middle + half, np.sqrt(sure[own])[:, None]]))
    found = np.vstack(rows).astype(np.float32)
    sizes = np.hstack([found[:, :2], found[:, 2:4] - found[:, :2]])
    kept = cv2.dnn.NMSBoxes(sizes.tolist(), found[:, 4].tolist(), at_least, _SAME)
    return found[np.asarray(kept, int).reshape(-1)]
