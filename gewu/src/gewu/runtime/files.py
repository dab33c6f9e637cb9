"""Files that hold secrets: changed as a whole, readable by their owner only."""

import os
import tempfile
from pathlib import Path


def replace(path: Path, text: str) -> None:
    """Put this text in the file's place, durably; a reader sees the old file or the new one, never a part."""
    handle, fresh = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")  # mkstemp makes it mode 600
    try:
        with os.fdopen(handle, "w") as f:
            f.write(text)
            f.flush()
            os.fsync(f.fileno())
        os.replace(fresh, path)
    except BaseException:
        os.unlink(fresh)
        raise
