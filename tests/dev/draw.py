"""`make screen`: the screen of `gewu dev` in the middle of the demo city's day, as docs/screen.svg."""

import argparse
import asyncio
import io
import re
import sys
import tempfile
from pathlib import Path

from rich.console import Console

from gewu.dev.books import Snapshot
from gewu.dev.launcher import Options, launch
from gewu.dev.screen import HEIGHT, Screen

ROOT = Path(__file__).parents[2]
OUT = ROOT / "docs/screen.svg"
_WIDTH = 150
_AT = 13 / 24  # of the day: the storm is there


class Drawn(Screen):
    """A screen that nobody sees, and one picture of it."""

    picture = ""

    def show(self, seconds: float, now: Snapshot) -> None:
        """See View."""
        super().show(seconds, now)
        scene = self._scene
        if scene and scene.sending and not self.picture and seconds - scene.day_begun >= _AT * scene.day_s:
            paper = Console(record=True, width=_WIDTH, height=HEIGHT, file=io.StringIO(), force_terminal=True)
            paper.print(self.drawn())
            svg = paper.export_svg(title="gewu dev")
            # The library's drawing names a font on somebody's server; a reader's own will do.
            svg = re.sub(r"@font-face \{.*?\}", "", svg, flags=re.S).replace("Fira Code", "monospace")
            self.picture = "\n".join(line.rstrip() for line in svg.splitlines()) + "\n"


def main() -> int:
    """0 when the picture was drawn and the run behind it was without a fault."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=60.0, help="how long the day takes [%(default)s]")
    seconds = parser.parse_args().seconds
    screen = Drawn(Console(file=io.StringIO(), force_terminal=True, width=_WIDTH, height=HEIGHT))
    with tempfile.TemporaryDirectory(dir=ROOT) as folder:
        code = asyncio.run(launch(Options(ROOT / "cities/demo", Path(folder) / "run", seconds, stay=False), screen))
    if not screen.picture:
        print("the day was over before the picture: is this machine too slow, or --seconds too short?", file=sys.stderr)
        return 1
    OUT.write_text(re.sub(r"tmp[a-z0-9_]{8}/run", ".gewu/run", screen.picture))
    print(f"{OUT.relative_to(ROOT)} is drawn")
    return code


if __name__ == "__main__":
    raise SystemExit(main())
