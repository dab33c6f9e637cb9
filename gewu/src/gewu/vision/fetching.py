"""Getting models from where they are published: bounded, and hashed before a file has its name."""

import hashlib
import os
from collections.abc import Callable
from pathlib import Path
from urllib.parse import urlsplit

from gewu.vision.models import Model

TIMEOUT_S = 60.0
_CHUNK = 1 << 16


class NotFetched(Exception):
    """The model is not there now; the text says why."""


def fetch(asked: Model, folder: Path, address: Callable[[Model], str] = lambda m: m.url) -> Path:
    """Download one model into the folder; NotFetched where it has no address, does not answer, or is another file.

    `address` gives a mirror's instead of the manifest's own: what is fetched from there is held to the same hash.
    """
    import http.client
    import urllib.error
    import urllib.request

    url = address(asked)
    if not url:
        raise NotFetched(f"{asked.name} is published nowhere by itself: put {asked.file} into {folder} by hand")
    if urlsplit(url).scheme not in ("https", "http"):
        raise NotFetched(f"{asked.name}: {url} is no address of the web")
    fresh = folder / f".{asked.file}.new"
    try:
        with urllib.request.urlopen(url, timeout=TIMEOUT_S) as answer, fresh.open("wb") as file:
            digest, size = hashlib.sha256(), 0
            while data := answer.read(_CHUNK):
                size += len(data)
                if size > asked.bytes:
                    raise NotFetched(f"{asked.name}: {url} gives more than its {asked.bytes} bytes")
                digest.update(data)
                file.write(data)
        if (found := digest.hexdigest()) != asked.sha256:
            raise NotFetched(f"{asked.name}: {url} is another file: its SHA-256 is {found}, not {asked.sha256}")
        os.replace(fresh, folder / asked.file)
    except (urllib.error.URLError, http.client.HTTPException, OSError) as fault:
        raise NotFetched(f"{asked.name}: {url} was not fetched: {fault}") from None
    finally:
        fresh.unlink(missing_ok=True)
    return folder / asked.file
