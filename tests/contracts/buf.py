"""The commands behind the wire contracts: lint, breaking, generate."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

from tests.contracts.world import ROOT

BASELINE = ROOT / "proto/gewu.binpb"
_BIN = Path(sys.executable).parent
Done = subprocess.CompletedProcess[str]


def copy(folder: Path) -> Path:
    """A copy of proto/ in which a change may be planted."""
    return Path(shutil.copytree(ROOT / "proto", folder / "proto"))


def plant(proto: Path, file: str, old: str, new: str) -> None:
    """Change a contract; the old words must stand there once."""
    path = proto / "gewu/v1" / file
    text = path.read_text()
    assert text.count(old) == 1, f"{file} holds {old!r} {text.count(old)} times: mend this test"
    path.write_text(text.replace(old, new))


def lint(proto: Path) -> Done:
    """`buf lint`."""
    return _run(proto.parent, _BIN / "buf", "lint", "proto")


def breaking(proto: Path) -> Done:
    """`buf breaking` against the committed baseline."""
    return _run(proto.parent, _BIN / "buf", "breaking", "proto", "--against", BASELINE)


def baseline(proto: Path, out: Path) -> Done:
    """The baseline that these contracts would make."""
    return _run(proto.parent, _BIN / "buf", "build", "proto", "--exclude-source-info", "-o", out)


def generate(proto: Path, out: Path) -> dict[str, bytes]:
    """Every generated file by name, made exactly as `make proto` makes it."""
    out.mkdir()
    sources = sorted(str(p.relative_to(proto.parent)) for p in (proto / "gewu/v1").glob("*.proto"))
    outputs = (f"--python_out={out}", f"--mypy_out=quiet:{out}")
    done = _run(proto.parent, sys.executable, "-m", "grpc_tools.protoc", "-Iproto", *outputs, *sources)
    assert done.returncode == 0, done.stderr
    return generated(out)


def generated(folder: Path) -> dict[str, bytes]:
    """The generated files that stand in a folder."""
    return {p.name: p.read_bytes() for p in (folder / "gewu/v1").glob("*_pb2.py*")}


def _run(cwd: Path, *command: object) -> Done:
    path = f"{_BIN}{os.pathsep}{os.environ['PATH']}"
    return subprocess.run(
        [str(c) for c in command], cwd=cwd, env={**os.environ, "PATH": path}, capture_output=True, text=True
    )
