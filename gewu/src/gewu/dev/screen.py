"""The screen of `gewu dev` in a terminal: lanes, stages, departments, the newest cases and why they went there, addresses."""

from collections import deque
from datetime import datetime, timedelta

from rich.console import Console, Group, RenderableType
from rich.layout import Layout
from rich.live import Live
from rich.padding import Padding
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from gewu import topics
from gewu.city import City
from gewu.dev.books import Opened, Snapshot
from gewu.dev.metrics import grown, quantile
from gewu.dev.view import Scene
from gewu.dev.watch import Flow, between, duration
from gewu.lane import Lane

WIDTH, HEIGHT = 110, 45  # of the smallest terminal that shows all of it
_KEPT = 10  # looks over which a rate and a stage's ages are taken
_MESSAGES = 3
_BARS = " ▁▂▃▄▅▆▇█"
_LANES = {Lane.P0: "bold red", Lane.P1: "yellow", Lane.P2: "", Lane.P3: "dim"}
_OUTCOMES = (("opened", "立案"), ("joined", "并案"), ("measured", "读数"), ("duplicate", "重复"), ("conflict", "冲突"))
_SHORT = {"opened": "open", "joined": "join", "measured": "meas.", "duplicate": "dupl.", "conflict": "confl"}
_BECAUSE = {
    "rule": "规则", "owner": "属主", "area": "属地",
    "fallback_unknown_class": "兜底：类别不明", "fallback_no_rule": "兜底：无规则",
    "fallback_no_grid": "兜底：无网格", "fallback_returned": "兜底：被退回",
}  # fmt: skip
_STAGES = {"logged": "入日志", "settled": "结算", "told": "派遣"}


def fits(console: Console) -> bool:
    """Whether this terminal has room for it."""
    return console.is_terminal and console.width >= WIDTH and console.height >= HEIGHT


class Screen:
    """Draws itself anew at each look. See gewu.dev.view.View."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._live: Live | None = None
        self._scene: Scene | None = None
        self._looks: deque[tuple[float, Snapshot]] = deque(maxlen=_KEPT + 1)
        self._rates: deque[float] = deque(maxlen=60)
        self._said: deque[str] = deque(maxlen=_MESSAGES)

    def say(self, line: str) -> None:
        """A message: on the screen while there is one, else a line."""
        if self._live is None:
            self._console.print(line, markup=False, highlight=False, soft_wrap=True)
        elif line.strip():
            self._said.append(line)

    def begin(self, scene: Scene) -> None:
        """Take the terminal."""
        self._scene = scene
        self._live = Live(console=self._console, screen=True, auto_refresh=False)
        self._live.start()

    def show(self, seconds: float, now: Snapshot) -> None:
        """Draw this look."""
        assert self._scene and self._live
        if self._looks:
            at, last = self._looks[-1]
            self._rates.append(max(0.0, now.said - last.said) / max(seconds - at, 0.1))
        self._looks.append((seconds, now))
        self._live.update(self.drawn(), refresh=True)

    def end(self) -> None:
        """Give the terminal back, with the last messages as lines."""
        if self._live:
            self._live.stop()
            self._live = None
            for line in self._said:
                self.say(line)

    def drawn(self) -> RenderableType:
        """The whole picture of the last look."""
        assert self._scene and self._looks
        scene, (seconds, now), (begun, before) = self._scene, self._looks[-1], self._looks[0]
        flow, last_s = between(scene.first, now), max(seconds - begun, 1.0)
        layout = Layout()
        layout.split_column(
            Layout(_head(scene, seconds, flow, now), size=3),
            Layout(name="middle", size=14),
            Layout(_cases(scene.city, now), size=14),
            Layout(_foot(scene, self._said), name="foot"),
        )
        layout["middle"].split_row(
            Layout(Padding(Group(_lanes(scene, before, now, last_s), self._course()), (0, 3, 0, 1)), ratio=14),
            Layout(Padding(Group(_stages(before, now), "", _sources(scene, now)), (0, 2, 0, 0)), ratio=7),
            Layout(Padding(_departments(scene, flow, now), (0, 1, 0, 0)), ratio=12),
        )
        return layout

    def _course(self) -> Text:
        most = max(self._rates, default=0.0) or 1.0
        bars = "".join(_BARS[min(8, round(8 * rate / most))] for rate in self._rates)
        return Text(f" {bars}\n 最高 peak {most:.0f}/s", style="cyan", no_wrap=True)


def _head(scene: Scene, seconds: float, flow: Flow, now: Snapshot) -> Panel:
    tally = scene.tally
    parts = [f"[bold]格务 Gewu[/] · {scene.city.name['zh']} {scene.city.name['en']}"]
    if scene.sending:
        hour = timedelta(days=min(1.0, (seconds - scene.day_begun) / scene.day_s))
        parts.append(f"[cyan]{(datetime.min + hour):%H:%M}[/] 演示日 of the day")
    parts.append(f"接收 accepted {tally.accepted} / {tally.planned}")
    parts.append(f"在途 in flight {flow.in_flight}")
    parked = flow.outcomes["parked"]
    parts.append(f"[{'bold red' if parked else 'dim'}]搁置 parked {parked}[/]")
    if now.silent:
        parts.append(f"[bold red]无应答 no answer: {', '.join(now.silent)}[/]")
    return Panel(Text.from_markup("   ".join(parts)), border_style="blue")


def _table(title: str, *columns: str) -> Table:
    table = Table(title=title, title_justify="left", title_style="bold", box=None, expand=True, pad_edge=False)
    for n, name in enumerate(columns):
        table.add_column(
            name, justify="right" if n else "left", header_style="dim", no_wrap=True, min_width=5 if n else 2
        )
    return table


def _lanes(scene: Scene, before: Snapshot, now: Snapshot, seconds: float) -> Table:
    table = _table(
        "通道 lanes", "\nlane", "每秒\n/s", *(f"{zh}\n{_SHORT[name]}" for name, zh in _OUTCOMES), "在途\nwaits"
    )
    for lane in Lane:
        topic = topics.signals(lane)
        first, outcomes = scene.first.outcomes([topic]), now.outcomes([topic])
        rate = (now.log_end(topic) - before.log_end(topic)) / seconds
        settled = sum(row.next_offset for (name, _), row in now.books.items() if name == topic)
        values = (f"{outcomes[name] - first[name]}" for name, _ in _OUTCOMES)
        table.add_row(lane.label, f"{rate:.0f}", *values, f"{now.log_end(topic) - settled}", style=_LANES[lane])
    return table


def _stages(before: Snapshot, now: Snapshot) -> Table:
    table = _table("时延 age", "\nstage", "\np50", "\np99")
    for stage, chinese in _STAGES.items():
        ages = grown(before.stages.get(stage, {}), now.stages.get(stage, {}))
        table.add_row(f"{chinese} {stage}", *(duration(quantile(ages, q)) for q in (0.5, 0.99)))
    return table


def _sources(scene: Scene, now: Snapshot) -> Table:
    """Who brings signals: reports that were accepted, readings that the broker has, cameras of which pictures come."""
    table = _table("来源 sources", "", "")
    table.show_header = False
    table.add_row("报告 reports", f"{scene.tally.accepted}")
    table.add_row("读数 readings", f"{scene.measured.acked}")
    table.add_row("摄像 cameras", f"{now.cameras.get('seen', 0)} of {sum(now.cameras.values())}")
    table.add_row("识别 detections", f"{now.detections - scene.first.detections}")
    if not now.plates:
        table.add_row("  仅动态 motion only", "", style="dim")
    for sight in ("silent", "missing"):
        if count := now.cameras.get(sight):
            table.add_row(f"  {sight}", f"{count}", style="bold red" if sight == "silent" else "dim")
    return table


def _departments(scene: Scene, flow: Flow, now: Snapshot) -> Table:
    table = _table("部门 departments", "", "派遣\ntold", "应答\nmoves")
    for name, events in flow.busiest()[:10]:
        department = scene.city.departments[name]
        moves = now.moves(name) - scene.first.moves(name)
        table.add_row(f"{department.label_zh} {department.label_en}", f"{events}", f"{moves}")
    return table


def _cases(city: City, now: Snapshot) -> Panel:
    table = _table("", "时间", "", "类别 class", "部门 department", "为何 why", "信号", "时限 due")
    for column in table.columns[1:5]:
        column.justify = "left"
    for case in now.latest:
        category, department = city.categories.get(case.category), city.departments.get(case.department)
        table.add_row(
            f"{case.opened_at.astimezone(city.timezone):%H:%M:%S}", Lane(case.lane).label,
            f"{category.label_zh} {category.label_en}" if category else case.category,
            department.label_zh if department else case.department, _why(case), f"{case.signals}",
            f"{case.complete_by.astimezone(city.timezone):%m-%d %H:%M}" if case.complete_by else "–",
            style=_LANES[Lane(case.lane)],
        )  # fmt: skip
    return Panel(table, title="最新案件 newest cases", title_align="left", border_style="blue")


def _why(case: Opened) -> str:
    said = _BECAUSE.get(case.because, case.because)
    return f"{said} {case.rule_id}".strip()


def _foot(scene: Scene, said: deque[str]) -> Panel:
    table = Table(box=None, expand=True, show_header=False, pad_edge=False)
    table.add_column(style="dim", no_wrap=True)
    table.add_column(overflow="ellipsis", no_wrap=True)
    for name, address in scene.addresses.items():
        table.add_row(name, address)
    messages = Text("\n".join(said), style="dim", no_wrap=True, overflow="ellipsis")
    return Panel(Group(table, messages), title="Ctrl-C 停止 stops it", title_align="left", border_style="blue")
