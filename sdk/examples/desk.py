"""A department's desk: takes what is its own, gives back what is not, and reports each job done after a while.

    GEWU_DEPARTMENT=water GEWU_KAFKA_BOOTSTRAP=… GEWU_DISPATCH_URL=… GEWU_KEY_FILE=… \\
      python sdk/examples/desk.py --table desk.db --own component:010 --own matter:10996 --work 5

It may be killed at any moment. What it hears has its effect once, because case and order stand in its table; what it says
stands there before it is said, and is said again under the same id until that is noted.
"""

import argparse
import asyncio
import logging
import os
import sqlite3
import time
from pathlib import Path

from gewu.v1.case_pb2 import CASE_STATE_ASSIGNED, Case
from gewu_department import (
    Assigned,
    Cleared,
    Department,
    Drill,
    Event,
    Kind,
    Move,
    Raised,
    Refused,
    Standing,
    Unsaid,
    Withdrawn,
    accept,
    done,
    read,
    return_,
)  # fmt: skip

TABLES = """
CREATE TABLE IF NOT EXISTS cases (
    case_id TEXT PRIMARY KEY, incarnation INT, version INT, category TEXT, state TEXT
);
CREATE TABLE IF NOT EXISTS moves (
    id TEXT PRIMARY KEY, case_id TEXT, kind TEXT, note TEXT, due REAL, said INT DEFAULT 0, refused TEXT
);
"""


class Desk:
    """The department's own books: a row for each case, and one for each move."""

    def __init__(self, table: Path, own: tuple[str, ...], work_s: float) -> None:
        self._own, self._work_s = own, work_s
        self._table = sqlite3.connect(table)
        self._table.executescript(TABLES)

    def hear(self, event: Event) -> None:
        """The effect of an event, in one transaction, once."""
        with self._table:
            match event:
                case Assigned() if self._is_above(event):
                    self._take(event.case)
                case Standing() if self._is_above(event) and self._state(event.case_id) in ("new", "gone"):
                    self._take(event.case)
                case Withdrawn() if self._is_above(event):
                    self._table.execute("UPDATE cases SET state = 'gone' WHERE case_id = ?", [event.case_id])
                    self._table.execute("DELETE FROM moves WHERE case_id = ? AND NOT said", [event.case_id])
                case Raised() if self._is_above(event):
                    logging.warning("%s is more urgent now", event.case_id)
                case Cleared() if self._is_above(event):
                    logging.info("%s: its sensors measure what is usual again", event.case_id)
                case Refused():
                    self._table.execute("UPDATE moves SET refused = ? WHERE id = ?", [event.reason, event.move_id])
                case Drill():
                    logging.info("a drill: nobody is sent out")

    def due(self) -> list[Move]:
        """What is to be said now."""
        rows = self._table.execute(
            "SELECT kind, case_id, note, id FROM moves WHERE NOT said AND due <= ? ORDER BY due, rowid", [time.time()]
        )
        return [Move(Kind(kind), case_id, note, id=own) for kind, case_id, note, own in rows]

    def said(self, move: Move) -> None:
        """The broker has it."""
        with self._table:
            self._table.execute("UPDATE moves SET said = 1 WHERE id = ?", [move.id])

    def _is_above(self, event: Assigned | Standing | Raised | Cleared | Withdrawn) -> bool:
        """Whether this is news about the case; its order is kept with it."""
        before = self._table.execute(
            "SELECT incarnation, version FROM cases WHERE case_id = ?", [event.case_id]
        ).fetchone()
        if before and event.order <= before:
            return False
        self._table.execute(
            "INSERT INTO cases VALUES (?, ?, ?, ?, 'new') ON CONFLICT (case_id) DO UPDATE SET incarnation = excluded.incarnation,"
            " version = excluded.version, category = excluded.category",
            [event.case_id, *event.order, event.case.category],
        )
        return True

    def _state(self, case_id: str) -> str:
        (found,) = self._table.execute("SELECT state FROM cases WHERE case_id = ?", [case_id]).fetchone()
        return found

    def _take(self, case: Case) -> None:
        moves: list[tuple[Move, float]] = []
        if not case.category.startswith(self._own):
            moves.append((return_(case.case_id, f"{case.category} is none of ours"), 0.0))
        else:
            if case.state == CASE_STATE_ASSIGNED:
                moves.append((accept(case.case_id, "a crew is on its way"), 0.0))
            moves.append((done(case.case_id, "seen to"), self._work_s))
        self._table.execute("UPDATE cases SET state = ? WHERE case_id = ?", [moves[-1][0].kind, case.case_id])
        self._table.executemany(
            "INSERT INTO moves (id, case_id, kind, note, due) VALUES (?, ?, ?, ?, ?)",
            [(m.id, m.case_id, m.kind, m.note, time.time() + later) for m, later in moves],
        )


async def speak(desk: Desk, department: Department) -> None:
    """Say what is due, for ever; what got no ack stays due."""
    while True:
        try:
            for move in desk.due():
                await department.say(move)
                desk.said(move)
        except Unsaid as fault:
            logging.warning("not said yet: %s", fault)
        await asyncio.sleep(0.1)


async def main() -> None:
    """Work until somebody ends it."""
    parser = argparse.ArgumentParser(description="An example of a department's desk.")
    parser.add_argument("--table", type=Path, required=True, help="SQLite file of its own books")
    parser.add_argument("--own", action="append", required=True, help="categories that are its own begin with this")
    parser.add_argument("--work", type=float, default=5.0, help="seconds until a job is done")
    args = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s")
    desk = Desk(args.table, tuple(args.own), args.work)
    async with Department(read(os.environ)) as department, asyncio.TaskGroup() as together:
        together.create_task(speak(desk, department))
        async for event in department:
            desk.hear(event)


if __name__ == "__main__":
    asyncio.run(main())
