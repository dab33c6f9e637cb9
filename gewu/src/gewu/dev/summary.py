"""The table at the end of a run."""

from collections.abc import Iterator

from gewu import topics
from gewu.dev.books import SIGNALS, Snapshot
from gewu.dev.columns import left, right
from gewu.dev.measuring import Measured
from gewu.dev.metrics import quantile
from gewu.dev.replay import LATE_S, Tally
from gewu.dev.watch import Flow, between, duration
from gewu.lane import Lane

_NAME, _NUMBER = 34, 9
_SHOWN = ("opened", "joined", "measured", "duplicate", "conflict", "parked")
_CHINESE = {
    "opened": "立案",
    "joined": "并案",
    "measured": "已测",
    "duplicate": "重复",
    "conflict": "冲突",
    "parked": "搁置",
}


def lines(first: Snapshot, last: Snapshot, tally: Tally, measured: Measured | None = None) -> list[str]:
    """The whole summary."""
    flow = between(first, last)
    return [
        "",
        "summary 汇总 (this start 本次启动)",
        *_client(tally),
        *_sensors(measured),
        _line("detections 识别", last.detections - first.detections, "seen by cameras"),
        *_outcomes(flow),
        *_departments(first, last, flow),
        _line("moves 应答", last.moved - first.moved, "of departments, each applied to its case"),
        *_notices(first, last),
        _line("drills 演练", last.drills[0], f"of the canary, {last.drills[1]} heard from the report to the live feed"),
        *_books(first, last),
        "",
    ]


def _client(tally: Tally) -> Iterator[str]:
    yield _line("sent 发送", tally.sent, f"of {tally.planned} planned, {tally.retried} times sent again")
    yield _line("accepted 接收", tally.accepted)
    yield _line("unknown 未知", tally.unknown, f"in the end; {tally.doubtful} on the way" if tally.doubtful else "")
    yield _line("rejected 退回", tally.rejected)
    if tally.late:
        worst = duration(tally.worst_late_s)
        yield _line("late 迟发", tally.late, f"more than {LATE_S * 1000:.0f}ms after their time, at worst {worst}")


def _sensors(measured: Measured | None) -> Iterator[str]:
    if measured and measured.planned:
        yield _line("readings 读数", measured.acked, f"of {measured.planned} planned have their PUBACK")


def _outcomes(flow: Flow) -> Iterator[str]:
    for name in _SHOWN:
        yield _line(f"{name} {_CHINESE[name]}", flow.outcomes[name])
    yield _line("in flight 在途", flow.in_flight)
    p50, p99 = (duration(quantile(flow.ages, q)) for q in (0.5, 0.99))
    yield f"  {left('event age p50 时延', _NAME)}{right(p50, _NUMBER)}  from receipt of the signal to the event's ack"
    yield f"  {left('event age p99 时延', _NAME)}{right(p99, _NUMBER)}"


def _departments(first: Snapshot, last: Snapshot, flow: Flow) -> Iterator[str]:
    yield _line("dispatched 派遣", flow.dispatched_in_all)
    for name, events in flow.busiest():
        topic = topics.dispatch(name)
        opened = last.cases.get(name, 0) - first.cases.get(name, 0)
        said = last.log_end(topic) - first.log_end(topic)
        yield _line(f"  {name}", events, f"cases {opened}, records on {topic} {said}")


def _notices(first: Snapshot, last: Snapshot) -> Iterator[str]:
    sent, failed, waiting = (_of(last, state) for state in ("sent", "failed", "open"))
    fires = last.notices.get(("sent", Lane.P0), 0) - first.notices.get(("sent", Lane.P0), 0)
    more = f", {waiting} wait, {failed} were given up" if waiting or failed else ""
    yield _line("notices sent 通知", sent - _of(first, "sent"), f"{fires} of them in p0{more}")


def _of(look: Snapshot, state: str) -> int:
    return sum(count for (there, _), count in look.notices.items() if there == state)


def _books(first: Snapshot, last: Snapshot) -> Iterator[str]:
    names = [name for name in last.outcomes() if name in _SHOWN or last.outcomes()[name]]
    columns = ("log 入日志", *names, "in flight")
    yield "  " + left("books by topic 分主题账目", _NAME) + "".join(right(name, 11) for name in columns)
    for topic in SIGNALS:
        before, now = first.outcomes([topic]), last.outcomes([topic])
        said = last.log_end(topic) - first.log_end(topic)
        left_over = last.log_end(topic) - sum(r.next_offset for (name, _), r in last.books.items() if name == topic)
        values = (said, *(now[name] - before[name] for name in names), left_over)
        yield "  " + left(f"  {topic}", _NAME) + "".join(right(str(value), 11) for value in values)


def _line(name: str, number: int, more: str = "") -> str:
    return f"  {left(name, _NAME)}{right(str(number), _NUMBER)}  {more}".rstrip()
