"""Models by name: an allow-list by hash (manifest.toml) over a folder that GEWU_MODELS names; no weights are part of Gewu.

A file is trusted for what it is, never for where it lies: its bytes are hashed, and those very bytes are loaded.
"""

import hashlib
import os
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib import metadata, resources
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from onnxruntime import InferenceSession

SETTING = "GEWU_MODELS"
FETCH = "`gewu models fetch --to FOLDER` gets what is published"


class ModelMissing(Exception):
    """There is no such model here, or what is there is not it; the text says what to do."""


@dataclass(frozen=True, slots=True)
class Model:
    """A model that may be used. `url`: where its file is published; `package`: the installed file that it is; or neither."""

    name: str
    task: str
    file: str
    sha256: str
    bytes: int
    licence: str
    outputs: tuple[str, ...]
    url: str = ""
    package: str = ""

    @property
    def stamp(self) -> str:
        """What a detection says of it: name and the first 12 hex digits of its hash."""
        return f"{self.name} {self.sha256[:12]}"


@cache
def known() -> Mapping[str, Model]:
    """Every model of the manifest by its name."""
    text = resources.files("gewu.vision").joinpath("manifest.toml").read_text()
    rows = tomllib.loads(text)["model"]
    return {row["name"]: Model(**{**row, "outputs": tuple(row["outputs"])}) for row in rows}


def model(name: str, folder: Path | None = None) -> Path:
    """The file of this model, its hash checked. `folder`: instead of the one that GEWU_MODELS names.

    Raises ModelMissing where there is none or another one, KeyError for a name that is not in the manifest.
    """
    path = _path(known()[name], folder)
    _checked(known()[name], path)
    return path


def session(name: str, folder: Path | None = None, threads: int = 1) -> "InferenceSession":
    """The model, loaded from the bytes that were hashed. Raises ModelMissing as `model` does."""
    import onnxruntime

    asked = known()[name]
    options = onnxruntime.SessionOptions()
    # One thread a model: more gained nothing (frames come one at a time), and a camera must not take its neighbours' core.
    options.intra_op_num_threads = options.inter_op_num_threads = threads
    options.log_severity_level = 3
    loaded = onnxruntime.InferenceSession(
        _checked(asked, _path(asked, folder)), options, providers=["CPUExecutionProvider"]
    )
    found = tuple(out.name for out in loaded.get_outputs())
    if found != asked.outputs:
        raise ModelMissing(
            f"{name}: its outputs are {', '.join(found)}; the manifest allows {', '.join(asked.outputs)}"
        )
    return loaded


def _path(asked: Model, folder: Path | None) -> Path:
    if asked.package:
        return _installed(asked)
    said = folder or os.environ.get(SETTING)
    if not said:
        raise ModelMissing(
            f"{asked.name}: no folder of models is named: set {SETTING} to one that holds {asked.file}; {FETCH}"
        )
    return Path(said) / asked.file


def _installed(asked: Model) -> Path:
    package = asked.package.partition("/")[0]
    try:
        return Path(str(metadata.distribution(package).locate_file(asked.package)))
    except metadata.PackageNotFoundError:
        raise ModelMissing(f"{asked.name}: {package} is not installed: pip install 'gewu-video[read]'") from None


def _checked(asked: Model, path: Path) -> bytes:
    try:
        data = path.read_bytes()
    except OSError as fault:
        raise ModelMissing(f"{asked.name}: {path} cannot be read ({fault.strerror}); {FETCH}") from None
    if (found := hashlib.sha256(data).hexdigest()) != asked.sha256:
        raise ModelMissing(
            f"{asked.name}: {path} is another file: its SHA-256 is {found}, the manifest allows {asked.sha256}; {FETCH}"
        )
    return data
