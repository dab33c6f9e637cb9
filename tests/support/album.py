"""What the stacks of a run store: each picture once, kept by a link until the eyes have looked at it, whoever stored it."""

import functools
import os
import re
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from gewu.dev.stack import Stack

_PICTURE = re.compile(r"[0-9a-f]{64}")


class Album:
    """Pictures of all stores, in a folder of its own; a store may be emptied or deleted as soon as it was gathered."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._stores: dict[Path, None] = {}
        self._whose: dict[str, Path] = {}
        self.covered = 0  # judged pictures on which something was covered

    def follow(self, data: Path) -> None:
        """A stack with this data folder stores pictures from now on."""
        self._stores[data / "pictures"] = None

    def gather(self, data: Path | None = None) -> None:
        """Take in what is new in one stack's store, or in all."""
        for store in [data / "pictures"] if data else self._stores:
            for path in store.rglob("*"):
                # Under another name lies what was not put there to its end.
                if path.name not in self._whose and _PICTURE.fullmatch(path.name) and path.is_file():
                    self._whose[path.name] = store
                    _link(path, self.folder / path.name)

    def visible(self) -> list[str]:
        """What the eyes see in any picture of any stack, with the store it lay in. Without pictures they need not be there."""
        self.gather()
        if not self._whose:
            return []
        from tests.support.eyes import Eyes, has_fill

        self.covered = sum(has_fill(self.folder / name) for name in self._whose)
        found = Eyes().visible(self.folder / name for name in self._whose)
        return [f"{self._whose[seen.split(':')[0]]}: {seen}" for seen in found]


@contextmanager
def watching(album: Album) -> Iterator[Album]:
    """Every stack of this process is followed: from its making to its stop, and before it forgets what it has."""
    before = {name: getattr(Stack, name) for name in ("__init__", "stop", "clear")}

    def made(self: Stack, data: Path, *words: Any, **named: Any) -> None:
        before["__init__"](self, data, *words, **named)
        album.follow(self.data)

    async def stop(self: Stack) -> None:
        try:
            await before["stop"](self)
        finally:
            album.gather(self.data)

    def clear(self: Stack) -> None:
        album.gather(self.data)
        before["clear"](self)

    instead: dict[str, Callable[..., Any]] = {"__init__": made, "stop": stop, "clear": clear}
    for name, method in instead.items():
        setattr(Stack, name, functools.wraps(before[name])(method))
    try:
        yield album
    finally:
        for name, method in before.items():
            setattr(Stack, name, method)


def _link(path: Path, to: Path) -> None:
    try:
        os.link(path, to)
    except OSError:  # another file system
        shutil.copyfile(path, to)
