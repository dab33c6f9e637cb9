"""What an MQTT broker is told: its limits, who may log in, and who may say and hear what."""

import getpass
from collections.abc import Iterable, Mapping
from pathlib import Path

BRIDGE = "gewu-intake"  # the user of intake's bridge; every other user is a sensor of that id
# What must wait while the bridge is away: so long, at so many readings a second. Mosquitto keeps 1,000 by itself, and drops what
# comes beyond without a word to the sensor, which has its PUBACK.
OUTAGE_S, READINGS_S = 600, 200
WAITING = OUTAGE_S * READINGS_S
WINDOW = 500  # readings that the bridge may have without an acknowledgement
MESSAGE_BYTES = 2048  # the bridge refuses from 1,024 on, with an answer


def settings(folder: Path, host: str, port: int, user: str = "") -> str:
    """mosquitto.conf; user is whose rights it takes on when root starts it, ours where nobody says."""
    lines = {
        "listener": f"{port} {host}",
        "user": user or getpass.getuser(),  # started as root it would change to a user that cannot read this folder
        "allow_anonymous": "false",
        "password_file": str(folder / "passwords"),
        "acl_file": str(folder / "acl"),
        "persistence": "true",
        "persistence_location": f"{folder / 'data'}/",
        "autosave_interval": "5",
        "persistent_client_expiration": "1d",
        "max_inflight_messages": str(WINDOW),
        "max_queued_messages": str(WAITING),
        "max_packet_size": str(MESSAGE_BYTES),
        "log_dest": "stdout",
        "log_type": "warning",
        "connection_messages": "false",
    }
    return "".join(f"{name} {value}\n" for name, value in lines.items())


def acl() -> str:
    """Who speaks is the topic: a sensor says and hears on its own topics only."""
    return (
        f"user {BRIDGE}\ntopic read sensors/+/readings\ntopic write sensors/+/refused\n"
        "pattern write sensors/%u/readings\npattern read sensors/%u/refused\n"
    )


def passwords(known: Mapping[str, str]) -> str:
    """Users with their passwords, which `mosquitto_passwd -U` then hashes in place."""
    return "\n".join(f"{user}:{password}" for user, password in known.items())


def may(user: str, topic: str, *, publishes: bool) -> bool:
    """The same rights as `acl`, for the embedded broker."""
    if user == BRIDGE:
        kind, _, rest = topic.partition("/")
        return kind == "sensors" and rest.endswith("/refused" if publishes else "/readings")
    return topic == f"sensors/{user}/{'readings' if publishes else 'refused'}"


def users(sensors: Iterable[str]) -> tuple[str, ...]:
    """Everybody who logs in."""
    return (BRIDGE, *sorted(sensors))
