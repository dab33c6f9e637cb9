"""A knock: does somebody speak RTSP behind this address? A connection instead of a child, and nothing is left of it."""

import asyncio
import ssl
from functools import cache
from urllib.parse import urlsplit

from gewu_video.domain.pauses import Knock

KNOCK_S = 3.0  # for all of it: a hanging way and one that trickles look the same, no whole line in time
LINE_BYTES = 256


async def knock(url: str) -> Knock:
    """Ask for OPTIONS at a stream's address, as sources.py gave it, and wait for the status line; its login stays here."""
    try:
        async with asyncio.timeout(KNOCK_S):
            return await _ask(url)
    except TimeoutError:
        return Knock.SILENT
    except OSError:
        return Knock.REFUSED
    except ValueError:
        return Knock.FOREIGN  # a line that does not end


async def _ask(url: str) -> Knock:
    parts = urlsplit(url)
    secure = _secure() if parts.scheme == "rtsps" else None
    place = parts._replace(netloc=parts.netloc.rpartition("@")[2]).geturl()
    reader, writer = await asyncio.open_connection(parts.hostname, parts.port, limit=LINE_BYTES, ssl=secure)
    try:
        writer.write(f"OPTIONS {place} RTSP/1.0\r\nCSeq: 1\r\nUser-Agent: Gewu\r\n\r\n".encode())
        line = await reader.readline()
    finally:
        # Not closed in order: that would wait for a peer that hangs.
        writer.transport.abort()
    if not line:
        return Knock.REFUSED
    # Whatever the status: a camera that wants a login has answered.
    return Knock.ANSWERED if line.startswith(b"RTSP/") and line.endswith(b"\n") else Knock.FOREIGN


@cache
def _secure() -> ssl.SSLContext:
    """Nothing is said under it that anybody might not hear, so nobody's certificate is asked for."""
    made = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    made.check_hostname, made.verify_mode = False, ssl.CERT_NONE
    return made
