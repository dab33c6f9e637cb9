"""The two words for failure, NotNow and Never; anything else that is raised is a bug and may look like one."""

from enum import StrEnum


class Why(StrEnum):
    """Closed list of reasons; the same word stands in the log, on the metric and on the parked record."""

    # Never
    UNDECODABLE = "undecodable"
    WRONG_TYPE = "wrong_type"
    EMPTY = "empty"
    BAD_FIELD = "bad_field"
    NOT_SERVED = "not_served"
    REFUSED_BY_DATABASE = "refused_by_database"
    UNEXPECTED = "unexpected"
    # NotNow
    DATABASE_AWAY = "database_away"
    BROKER_AWAY = "broker_away"
    RACED = "raced"
    NEWER_CONTRACT = "newer_contract"
    PARKING_LIMIT = "parking_limit"
    LOG_CUT = "log_cut"  # the position lies before the log's start
    LOG_LOST = "log_lost"  # the position lies behind the log's end
    UNREADABLE = "unreadable"  # the client library cannot even unpack what stands there
    REREADING = "rereading"  # after a restore signals come first: an action's case must be there again


# A bug of ours is first taken for passing, then for the record's fault.
PARKS = (
    Why.UNDECODABLE, Why.WRONG_TYPE, Why.EMPTY, Why.BAD_FIELD, Why.NOT_SERVED, Why.REFUSED_BY_DATABASE, Why.UNEXPECTED,
)  # fmt: skip
STALLS = (
    Why.DATABASE_AWAY, Why.BROKER_AWAY, Why.RACED, Why.NEWER_CONTRACT, Why.PARKING_LIMIT, Why.LOG_CUT, Why.LOG_LOST,
    Why.UNREADABLE, Why.REREADING, Why.UNEXPECTED,
)  # fmt: skip


class NotNow(Exception):
    """The record is fine and the world is not: retry here with growing pauses, never skip."""

    def __init__(self, why: Why, detail: str = "") -> None:
        super().__init__(f"{why}: {detail}" if detail else str(why))
        self.why, self.detail = why, detail


class Never(Exception):
    """The record will not get better: park it with its bytes and this reason, then go on."""

    def __init__(self, why: Why, detail: str = "") -> None:
        super().__init__(f"{why}: {detail}" if detail else str(why))
        self.why, self.detail = why, detail
