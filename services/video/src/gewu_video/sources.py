"""What a camera's source comes to: an address that may be opened, or why not. Logins join it here and nowhere else."""

import ipaddress
import json
import socket
from urllib.parse import quote, urlsplit, urlunsplit

from gewu.city.scene import Camera
from gewu_video.settings import Sources

_PORTS = {"rtsp": 554, "rtsps": 322}


class Refused(Exception):
    """The source may not be opened; the text says why and holds no login."""


def url(camera: Camera, allowed: Sources) -> str:
    """Where to open this camera. It asks the resolver, so call it off the loop. Raises Refused."""
    return _file(camera, allowed) if camera.is_file else _stream(camera, allowed)


def _file(camera: Camera, allowed: Sources) -> str:
    if allowed.files is None:
        raise Refused("it is a file, and GEWU_CAMERA_FILES names no folder of files")
    folder = allowed.files.resolve()
    path = (folder / camera.source).resolve()  # where a link leads
    if not path.is_relative_to(folder):
        raise Refused(f"{camera.source} leads out of the folder of files")
    if not path.is_file():
        raise Refused(f"{camera.source} is not in the folder of files")
    return f"file:{path}"


def _stream(camera: Camera, allowed: Sources) -> str:
    parts = urlsplit(camera.source)
    host, port = parts.hostname or "", parts.port or _PORTS[parts.scheme]
    try:
        found = {info[4][0] for info in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)}
    except OSError as fault:
        raise Refused(f"{host} has no address: {fault}") from None
    addresses = sorted(map(ipaddress.ip_address, found), key=str)
    outside = [a for a in addresses if not any(a in network for network in allowed.networks)]
    if outside or not addresses:
        raise Refused(f"{host} is {outside[0] if outside else 'nowhere'}, outside GEWU_CAMERA_NETWORKS")
    # The address that was looked at, not the name: it may mean another machine a moment later.
    address = addresses[0]
    said = f"[{address}]" if address.version == 6 else str(address)
    return urlunsplit((parts.scheme, f"{_login(camera, allowed)}{said}:{port}", parts.path, parts.query, ""))


def _login(camera: Camera, allowed: Sources) -> str:
    if allowed.logins_file is None:
        return ""
    try:
        entry = json.loads(allowed.logins_file.read_text()).get(camera.id)
        return f"{quote(entry['user'], '')}:{quote(entry['password'], '')}@" if entry else ""
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        raise Refused("the file of logins cannot be read, or its entry lacks user or password") from None
