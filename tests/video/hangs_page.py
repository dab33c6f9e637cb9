"""What hangs of cameras came to: a verdict, a line each, and the page."""

import math
import os
import platform
import statistics
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from gewu_video import settings
from tests.video.proxy import Manner

LIMIT_S = 10.0  # of the recoveries' 99th percentile
BLIND_S = 4.0, 5.0  # not longer: see _on_blindness
_DEEDS = {
    Manner.HANG: "bytes stop both ways, ends of connections too; then all flows on",
    Manner.FORGET: "bytes are thrown away both ways, and a connection that was open stays dead",
    Manner.TRICKLE: "a byte a second; a connection that was open goes on so",
    Manner.BLIND: "sound goes on, no picture comes; a connection that was open goes on so",
    Manner.DROP: "connections end, and new ones at once",
}


@dataclass(frozen=True, slots=True)
class Row:
    """One. hit: at its end no picture had come for 2 s; took_s: to the first newer picture, None: it was given up."""

    camera: int
    manner: Manner
    length_s: float
    at_opening: bool
    hit: bool
    took_s: float | None


@dataclass(slots=True)
class Found:
    """All of them, and what was held before and after. away: share of a core for 64 cameras that say nothing."""

    descriptors: int
    children: int
    rows: list[Row] = field(default_factory=list)
    most_children: int = 0
    descriptors_after: int = 0
    children_after: int = 0
    ends: int = 0
    knocks: int = 0
    away: float = 0.0


def percentile(values: Sequence[float], share: float) -> float:
    """By nearest rank: at least this share of the values is not above it."""
    return sorted(values)[max(0, math.ceil(share * len(values)) - 1)]


def wrong(found: Found, share: float = 0.99) -> list[str]:
    """What is not as it must be; `share`: which part of the recoveries must be below the limit."""
    took = [row.took_s for row in found.rows if row.took_s is not None]
    cameras = len({row.camera for row in found.rows})
    said = [f"camera {row.camera} was not seen again after: {row.manner}" for row in found.rows if row.took_s is None]
    if took and percentile(took, share) > LIMIT_S:
        said.append(f"recovery takes {percentile(took, share):.1f} s (percentile {share * 100:.0f})")
    if found.most_children > found.children + cameras:
        said.append(f"{found.most_children} children of {cameras} cameras at once")
    if found.children_after > found.children:
        said.append(f"{found.children_after - found.children} processes are left")
    if found.descriptors_after > found.descriptors:
        said.append(f"{found.descriptors_after - found.descriptors} descriptors are left")
    if missed := sum(not row.hit for row in found.rows):
        said.append(f"{missed} were not felt")
    return said


def sums(found: Found) -> dict[str, Any]:
    """The last line."""
    took = [row.took_s for row in found.rows if row.took_s is not None] or [0.0]
    return {
        "hangs": len(found.rows), "p50_s": round(statistics.median(took), 2), "p99_s": round(percentile(took, 0.99), 2),
        "max_s": round(max(took), 2), "processes": [found.children, found.most_children, found.children_after],
        "descriptors": [found.descriptors, found.descriptors_after], "children_ended": found.ends, "knocks": found.knocks,
    }  # fmt: skip


def line(row: Row) -> str:
    """One for a terminal."""
    came = "given up" if row.took_s is None else f"seen again after {row.took_s:5.2f} s"
    where = ", while it was opened" if row.at_opening else ""
    return (
        f"camera {row.camera:<3} {row.manner:<8} {row.length_s:5.1f} s{where}: {came}{'' if row.hit else ', NOT FELT'}"
    )


def text(found: Found, hangs: int, cameras: int, seed: int, commit: str, bounds: settings.Children) -> str:
    """The page. bounds: with which these cameras were watched."""
    said = sums(found)
    rows = "\n".join(_cells(m.value, deed, [r for r in found.rows if r.manner is m]) for m, deed in _DEEDS.items())
    opening = [row for row in found.rows if row.at_opening]
    processor = f"{os.cpu_count()} cores, {platform.machine()}, load {os.getloadavg()[2]:.1f} over the last 15 minutes"
    faults = "".join(f"- **{fault}**\n" for fault in wrong(found)) or "- nothing is wrong\n"
    return f"""# Cameras that hang

`python -m tests.video.hangs --hangs {hangs} --cameras {cameras} --seed {seed} --page docs/video-hangs.md` on \
{datetime.now(UTC):%Y-%m-%d}, commit {commit}
({processor}): {cameras} cameras at once, each behind a proxy of its own before GStreamer's RTSP server, watched by video's
keepers with the settings' defaults. What hangs, when and for how long is drawn from the seed. That command writes this page.

*Seen again*: from the moment in which new connections are good to the picture that the parent then knows of, which it hears once
a second. *Felt*: at its end no picture had come for 2 s. The limit is {LIMIT_S:.0f} s for the 99th percentile.

{_on_blindness(bounds)}

| manner | what is done | times | felt | seconds it lasts | seen again: p50 | p99 | longest |
| --- | --- | --- | --- | --- | --- | --- | --- |
{rows}
{_cells("all", "", found.rows)}
{_cells("of them", "begun while a stream was opened", opening)}

- processes of cameras: {found.children} before, {found.most_children} at most, {found.children_after} after, zombies included
- descriptors of the parent: {found.descriptors} before, {found.descriptors_after} after
- {said["children_ended"]} children ended, {said["knocks"]} knocks
- 64 cameras that accept and say nothing cost {found.away * 100:.1f} % of a core, the mute peer's part included, and no process
{faults}"""


def _on_blindness(bounds: settings.Children) -> str:
    """Why the blind ones are short: what the longest can cost who is watched with these bounds."""
    old_s, try_s = bounds.frame_age_s, bounds.frame_age_s + bounds.open_s + 1  # it is told by a beat a second
    pause_s, worst_s = bounds.pause_s, try_s + bounds.pause_s * 1.5  # as a pause is drawn
    least_s, most_s = BLIND_S
    return f"""\
A camera is *blind* for {least_s:.0f} to {most_s:.0f} s only: more is judged otherwise, and the limit does not hold for it.
Whatever hangs in another manner answers no knock meanwhile: it is asked again every second or two however long it lasts, and
opened when it answers. A blind camera answers and opens and shows nothing, as a broken one does. When its newest picture is
{old_s:.0f} s old its child is ended; the next one, which never saw a picture, after {try_s:.0f} s at most, and from
then on each pause is twice the last, up to {pause_s:.0f} s in the middle (`GEWU_CAMERA_PAUSE`). So after a long blindness
what is left of a try and of a pause goes by before it is opened again: {worst_s:.0f} s at the worst."""


def _cells(name: str, deed: str, rows: Sequence[Row]) -> str:
    took = [row.took_s for row in rows if row.took_s is not None]
    if not took:
        return f"| {name} | {deed} | {len(rows)} | 0 | | | | |"
    length = f"{min(r.length_s for r in rows):.0f} to {max(r.length_s for r in rows):.0f}"
    seen = " | ".join(f"{v:.1f} s" for v in (statistics.median(took), percentile(took, 0.99), max(took)))
    return f"| {name} | {deed} | {len(rows)} | {sum(r.hit for r in rows)} | {length} | {seen} |"
