"""receivers.csv: who is told of cases, and where."""

from urllib.parse import urlsplit

from gewu.city.faults import Notes
from gewu.city.model import Receiver
from gewu.city.reading.table import Row, read_table
from gewu.city.reading.values import Say, at_line, name, once, text

COLUMNS = ("id", "label_zh", "label_en", "channel", "url", "drills")
CHANNELS = ("webhook",)
_YES_NO = {"yes": True, "no": False}


def read_receivers(source: str, notes: Notes) -> dict[str, Receiver] | None:
    """Read the receivers by id; None when the table itself is unreadable."""
    rows = read_table(source, COLUMNS, notes)
    if rows is None:
        return None
    lines: dict[str, int] = {}
    found = [_receiver(row, notes) for row in rows]
    return {r.id: r for r, row in zip(found, rows, strict=True) if once(r.id, row, lines, "receiver", notes)}


def _receiver(row: Row, notes: Notes) -> Receiver:
    say = at_line(notes, row.line)
    if row["channel"] not in CHANNELS:
        say(f"channel {row['channel']!r} is none of {', '.join(CHANNELS)}")
    if row["drills"] not in _YES_NO:
        say(f"drills {row['drills']!r} must be yes (hears of drills only) or no (of everything else)")
    return Receiver(
        id=name(row["id"], "receiver id", say),
        label_zh=text(row["label_zh"], "label_zh", say),
        label_en=text(row["label_en"], "label_en", say),
        channel=row["channel"],
        url=_url(row["url"], say),
        drills=_YES_NO.get(row["drills"], False),
    )


def _url(said: str, say: Say) -> str:
    """What can be seen of it here; where the name leads is looked up before each connection."""
    try:
        parts = urlsplit(said)
        port, host = parts.port, parts.hostname
    except ValueError as fault:
        say(f"url {said!r} is no URL: {fault}")
        return said
    # http is for a receiver of a developer's own machine, and notify refuses it anywhere else.
    if parts.scheme not in ("https", "http") or not host or port == 0:
        say(f"url {said!r} must look like https://host/path")
    elif parts.username is not None or parts.password is not None or parts.fragment or "#" in said:
        say(f"url {said!r} must hold no user, password or fragment: who speaks is known by the signature")
    elif any(not 0 < len(label) <= 63 for label in host.rstrip(".").split(".")) and ":" not in host:
        say(f"url {said!r} has a name with a label of none or more than 63 letters: nobody can look it up")
    elif not said.isascii() or any(c.isspace() or c in '\\<>^`{|}"' for c in said):
        say(f"url {said!r} must be plain ASCII without blanks; write a name of another script as xn--…")
    return said
