"""Where a webhook may go: https to public addresses, on ports that are let out. Refused is everything that is inside.

A name is resolved as a whole and refused when any of its addresses is, because whoever answers for the name chooses which
of them is used. Forms that carry one address inside another (mapped, translated, tunnelled) are refused as such.
"""

from collections.abc import Collection, Iterable
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address
from urllib.parse import urlsplit

from msgspec import Struct

# What Python's own notion of a global address lets through.
_NOT_V4 = tuple(
    IPv4Network(n)
    for n in (
        "0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12", "192.0.0.0/24",
        "192.0.2.0/24", "192.31.196.0/24", "192.52.193.0/24", "192.88.99.0/24", "192.168.0.0/16", "192.175.48.0/24",
        "198.18.0.0/15", "198.51.100.0/24", "203.0.113.0/24", "224.0.0.0/4", "240.0.0.0/4",
        "168.63.129.16/32",  # Azure's metadata and platform address, which is no private one
    )
)  # fmt: skip
_V6 = IPv6Network("2000::/3")  # the only part that is given out; all else is inside, translated, multicast or reserved
_NOT_V6 = tuple(
    IPv6Network(n)
    for n in (
        "2001::/23",  # Teredo, ORCHID, benchmarking
        "2001:db8::/32", "2002::/16", "3fff::/20", "2620:4f:8000::/48",
    )
)  # fmt: skip
LOCALHOST = "localhost"


class Forbidden(Exception):
    """It must not go there; the text says why."""


class Target(Struct, frozen=True):
    """A URL taken apart. path: with its query. at_home: http or https to this machine's own loopback, by name."""

    scheme: str
    host: str
    port: int
    path: str
    at_home: bool = False

    @property
    def authority(self) -> str:
        """As the Host header has it."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == (443 if self.scheme == "https" else 80) else f"{host}:{self.port}"


def target(url: str, ports: Collection[int], *, loopback: bool = False) -> Target:
    """The URL taken apart; Forbidden where it cannot go out. loopback: a developer's receivers on this machine may."""
    if any(ord(c) <= 0x20 or ord(c) >= 0x7F for c in url) or "\\" in url:
        raise Forbidden("a URL is plain ASCII without blanks or backslashes")
    try:
        parts = urlsplit(url)
        host, port = parts.hostname or "", parts.port
    except ValueError as fault:
        raise Forbidden(str(fault)) from None
    if parts.username is not None or parts.password is not None or "@" in parts.netloc:
        raise Forbidden("a user or password in the URL")
    if parts.fragment or not host or "%" in host:
        raise Forbidden("a fragment, no host, or an escaped one")
    home = loopback and (host == LOCALHOST or _is_loopback(host))
    if parts.scheme != "https" and not (home and parts.scheme == "http"):
        raise Forbidden(f"{parts.scheme or 'no scheme'}: https only")
    port = (443 if parts.scheme == "https" else 80) if port is None else port
    if port not in ports and not home:
        raise Forbidden(f"port {port} is not let out")
    path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    return Target(parts.scheme, host, port, path, home)


def checked(found: Iterable[str], *, at_home: bool = False) -> list[str]:
    """The addresses, none of which is inside; Forbidden for the first that is, or where there is none."""
    addresses = list(dict.fromkeys(found))
    if not addresses:
        raise Forbidden("the name has no address")
    for text in addresses:
        if at_home and _is_loopback(text):
            continue
        if why := _inside(text):
            raise Forbidden(f"{text} is {why}")
    return addresses


def _inside(text: str) -> str:
    """Why this address must not be connected to, "" where it may."""
    try:
        found = ip_address(text)
    except ValueError:
        return "no address"
    if isinstance(found, IPv4Address):
        inside = any(found in n for n in _NOT_V4) or not found.is_global or found.is_multicast
        return "not public" if inside else ""
    if found.scope_id:
        return "of one link"
    return "not public" if _is_inside_v6(found) else ""


def _is_inside_v6(found: IPv6Address) -> bool:
    return found not in _V6 or any(found in n for n in _NOT_V6) or not found.is_global


def _is_loopback(text: str) -> bool:
    try:
        return ip_address(text).is_loopback
    except ValueError:
        return False
