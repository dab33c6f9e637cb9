"""lights.csv: which light (红绿灯) a case has in which situation, and what follows from it."""

from gewu.city.faults import Notes
from gewu.city.model import SITUATIONS, Shown
from gewu.city.reading.table import read_table
from gewu.city.reading.values import at_line

COLUMNS = ("situation", "light", "follows")
COLOURS, FOLLOWS = ("green", "yellow", "red", "none"), ("check", "explanation", "dossier")


def read_lights(source: str, notes: Notes) -> dict[str, Shown]:
    """Read the light of every situation; one that is left out is a fault, for cities mean different things by their lights."""
    shown: dict[str, Shown] = {}
    lines: dict[str, int] = {}
    for row in read_table(source, COLUMNS, notes) or ():
        say, situation = at_line(notes, row.line), row["situation"]
        if situation not in SITUATIONS:
            say(f"situation {situation!r} is none of {' '.join(SITUATIONS)}")
        elif (first := lines.setdefault(situation, row.line)) != row.line:
            say(f"situation {situation!r} is already on line {first}")
        if row["light"] not in COLOURS:
            say(f"light {row['light']!r} is none of {' '.join(COLOURS)}")
        follows = tuple(row["follows"].split("|")) if row["follows"] else ()
        for one in follows:
            if one not in FOLLOWS:
                say(f"follows {one!r} is none of {' '.join(FOLLOWS)}")
        shown[situation] = Shown(row["light"], follows)
    for situation in SITUATIONS:
        if situation not in shown:
            notes.line(1, f"situation {situation!r} has no row: the package must say which light it has")
    return shown
