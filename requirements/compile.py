"""Resolve requirements/*.in into hashed lists that name no index: what `make locks` runs."""

import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).parent
SERVICES = sorted(path.parent.name for path in HERE.parent.glob("services/*/pyproject.toml"))
OURS = ("gewu", *(f"gewu-{name}" for name in SERVICES))


def main() -> int:
    """0 when every list was resolved."""
    # dev first: the others are held to its pins.
    for source in sorted(HERE.glob("*.in"), key=lambda path: (path.stem != "dev", path.stem)):
        done = subprocess.run(
            [
                Path(sys.executable).with_name("uv"), "pip", "compile", "--quiet", "--universal", "--python-version", "3.11",
                "--generate-hashes", "--no-header", "--no-annotate", "--no-emit-index-url",
                *(word for name in OURS for word in ("--no-emit-package", name)),
                *(("--excludes", HERE / "images.excludes") if source.stem in SERVICES else ()),
                source.relative_to(HERE.parent), "-o", source.with_suffix(".txt").relative_to(HERE.parent),
            ],
            cwd=HERE.parent,
        )  # fmt: skip
        if done.returncode:
            return done.returncode
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
