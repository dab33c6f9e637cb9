"""What must hold of docker-compose.yml beyond its schema: each rule as a function to the faults that it finds."""

import re
from collections.abc import Mapping
from typing import Any

File = Mapping[str, Any]
# Images whose Dockerfile brings the health check along; it is held to that by the rules of Dockerfiles.
_OURS = re.compile(r"gewu-[a-z]+:\d")
_SECRET = re.compile(r"PASSWORD|SECRET|TOKEN|CREDENTIAL|PRIVATE", re.I)


def _services(file: File) -> Mapping[str, Mapping[str, Any]]:
    return file["services"]


def pinned(file: File) -> list[str]:
    """Images without a version, or with one that moves."""
    found = []
    for name, service in _services(file).items():
        tag = service["image"].rpartition("/")[2].partition(":")[2]
        if not re.search(r"\d", tag) or "latest" in tag:
            found.append(f"{name}: {service['image']} names no version")
    return found


def no_secret_written(file: File) -> list[str]:
    """Passwords and the like as values; what names a place in a volume, or is asked of whoever starts it, is none."""
    found = []
    for name, service in _services(file).items():
        mounted = tuple(mount.removesuffix(":ro").rpartition(":")[2] for mount in service.get("volumes", []))
        for key, value in service.get("environment", {}).items():
            if _SECRET.search(key) and not str(value).startswith((*mounted, "${")):
                found.append(f"{name}: {key}={value}")
            if re.search(r"://[^/@\s]*:[^/@\s]+@", str(value)):
                found.append(f"{name}: {key} has a password in its address")
    return found


def at_home(file: File) -> list[str]:
    """Ports that are open beyond this machine, or that nobody but the pod could publish."""
    found = []
    for name, service in _services(file).items():
        ports = service.get("ports", [])
        found += [f"{name}: {port} is open beyond this machine" for port in ports if not port.startswith("127.0.0.1:")]
        if ports and name != "pod":
            found.append(f"{name}: publishes ports, which only the pod can")
        if name != "pod" and service.get("network_mode") not in ("service:pod", "none"):
            found.append(f"{name}: is not in the pod's network, where plain text is allowed")
    return found


def no_port_twice(file: File) -> list[str]:
    """Ports of the machine that two of them want."""
    ports = [port.rpartition(":")[0] for s in _services(file).values() for port in s.get("ports", [])]
    return sorted({f"{port} is wanted twice" for port in ports if ports.count(port) > 1})


def waits_rightly(file: File) -> list[str]:
    """Dependencies that do not exist or can never come true."""
    found, services = [], _services(file)
    for name, service in services.items():
        for other, how in service.get("depends_on", {}).items():
            ends = services.get(other, {}).get("restart") == "no"
            if other not in services:
                found.append(f"{name}: waits for {other}, which is not there")
            elif ends != (how["condition"] == "service_completed_successfully"):
                found.append(f"{name}: waits for {other} to be {how['condition']}")
            elif how["condition"] == "service_healthy" and not _is_checked(services[other]):
                found.append(f"{name}: waits for {other}, whose health nobody checks")
    return found


def health_is_checked(file: File) -> list[str]:
    """What stays up and is never asked whether it is well; the pod only sleeps."""
    stays = {n: s for n, s in _services(file).items() if s.get("restart") != "no" and n != "pod"}
    return [f"{name}: has no health check" for name, service in stays.items() if not _is_checked(service)]


def _is_checked(service: Mapping[str, Any]) -> bool:
    return "healthcheck" in service or bool(_OURS.match(service["image"]))


def volumes_are_declared(file: File) -> list[str]:
    """Named volumes that are used and not declared, and declared and not used."""
    mounts = [(name, mount) for name, s in _services(file).items() for mount in s.get("volumes", [])]
    named = [(name, re.match(r"(?:\$\{\w+:-)?([a-z][\w-]*)\}?:", mount)) for name, mount in mounts]
    used = {(name, volume[1]) for name, volume in named if volume}
    found = [f"{name}: the volume {volume} is not declared" for name, volume in used if volume not in file["volumes"]]
    idle = file["volumes"].keys() - {volume for _, volume in used}
    return sorted(found) + [f"the volume {volume} is of no use" for volume in sorted(idle)]


def ours_are_confined(file: File) -> list[str]:
    """Containers of ours that may write to their files, or gain rights."""
    found = []
    for name, service in _services(file).items():
        mounts = service.get("volumes", [])
        if not _OURS.match(service["image"]):
            continue
        confined = service.get("read_only") is True and service.get("cap_drop") == ["ALL"]
        if not confined or "no-new-privileges:true" not in service.get("security_opt", []):
            found.append(f"{name}: is not confined")
        if name != "secrets":
            found += [
                f"{name}: may write to {mount}"
                for mount in mounts
                if mount.split(":")[0] in _WRITTEN_BY_THE_STEP and not mount.endswith(":ro")
            ]
    return found


def held_by_whom(file: File) -> list[str]:
    """Secrets of one that another has mounted, the key that opens contacts before all."""
    found = []
    for name, service in _services(file).items():
        volumes = {mount.split(":")[0] for mount in service.get("volumes", [])}
        for volume in sorted(volumes & _HOLDERS.keys()):
            if name not in ("secrets", _HOLDERS[volume]):
                found.append(f"{name}: has {volume} mounted, which is for {_HOLDERS[volume]}")
    return found


def no_secret_in_arguments(file: File) -> list[str]:
    """Passwords that a command or a health check is given as words, which every process of the machine may read."""
    found = []
    for name, service in _services(file).items():
        command = service.get("command", [])
        words = [*([command] if isinstance(command, str) else command), *service.get("healthcheck", {}).get("test", [])]
        for given in _ARGUMENT.findall(" ".join(words)):
            found.append(f"{name}: a secret is an argument: {given}")
    return found


# A file's content among the words, and the options by which clients take a password.
_ARGUMENT = re.compile(r"\$+\((?:cat |<)[^)]*\)|(?<=\s)(?:-P|--pw|--password)[ =]\S+(?=\s|$)")
_WRITTEN_BY_THE_STEP = {
    "secrets", "postgres-password", "grafana-password", "mqtt-password", "canary-key", "camera-logins",
}  # fmt: skip
_HOLDERS = {
    "vault": "nobody", "grafana-password": "grafana", "mqtt-password": "mqtt", "canary-key": "canary", "camera-logins": "video",
}  # fmt: skip
RULES = (
    pinned, no_secret_written, no_secret_in_arguments, at_home, no_port_twice, waits_rightly, health_is_checked,
    volumes_are_declared, held_by_whom, ours_are_confined,
)  # fmt: skip
