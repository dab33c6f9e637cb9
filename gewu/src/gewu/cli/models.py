"""`gewu models`: which models there are, whether those of a folder are what they should be, and where they come from."""

import argparse
import json
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from gewu.cli import table
from gewu.cli.ending import CODES, FINE, WRONG, Refusal

if TYPE_CHECKING:
    from gewu.vision.models import Model

_EPILOGS = {
    "list": "examples:\n  gewu models list\n",
    "fetch": """\
examples:
  gewu models fetch --to models
  gewu models fetch --to models --name plate_detect_640
  gewu models fetch --to models --mirror http://mirror.example/models

Gets what is published under an address of its own, and checks it against the manifest's SHA-256. A model whose file is
there and right is not fetched again. --mirror: a folder on the web that holds the files under the manifest's names. A
reader comes with `pip install 'gewu-video[read]'`; the cut ones are put there by hand.
""",
    "check": "examples:\n  gewu models check --folder models\n  GEWU_MODELS=models gewu models check\n",
}
_HELP = {
    "list": "the models that may be used", "fetch": "get models from where they are published",
    "check": "hold a folder of models against the manifest",
}  # fmt: skip


def add(subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Register `gewu models` and its actions."""
    models = subparsers.add_parser(
        "models", help="models that see (模型)", description="Models that see (模型): an allow-list by hash."
    )
    actions = models.add_subparsers(required=True, metavar="ACTION")
    for name, epilog in _EPILOGS.items():
        parser = actions.add_parser(
            name, help=_HELP[name], description=_HELP[name].capitalize() + ".",
            epilog=epilog + "\n" + CODES.format(wrong="a model is not there or not right"),
            formatter_class=argparse.RawDescriptionHelpFormatter,
        )  # fmt: skip
        parser.set_defaults(run={"list": _list, "fetch": _fetch, "check": _check}[name])
        if name == "fetch":
            parser.add_argument("--to", metavar="FOLDER", type=Path, required=True, help="where they go")
            parser.add_argument("--name", metavar="NAME", action="append", help="only this one; may be said again")
            parser.add_argument("--mirror", metavar="URL", help="where they are instead of their own addresses")
        if name == "list":
            parser.add_argument("--json", action="store_true", help="print JSON")
        if name == "check":
            parser.add_argument("--folder", metavar="FOLDER", type=Path, help="[GEWU_MODELS]")


def _list(args: argparse.Namespace) -> int:
    from gewu.vision.models import known

    head = ("name", "bytes", "licence", "comes", "task")
    rows = [(m.name, m.bytes, m.licence, _origin(m), m.task) for m in known().values()]
    if args.json:
        print(json.dumps([dict(zip(head, row, strict=True)) for row in rows], ensure_ascii=False, indent=2))
        return FINE
    print("\n".join(table.lines(head, rows, right=("bytes",))))
    return FINE


def _origin(model: "Model") -> str:
    return "by fetch" if model.url else "with gewu-video[read]" if model.package else "by hand"


def _fetch(args: argparse.Namespace) -> int:
    from gewu.vision import fetching, models

    known = models.known()
    if unknown := set(args.name or ()) - known.keys():
        raise Refusal(f"no model is called {', '.join(sorted(unknown))}; `gewu models list` names them")
    asked = [known[n] for n in args.name] if args.name else [m for m in known.values() if m.url]
    args.to.mkdir(parents=True, exist_ok=True)
    address = (lambda m: f"{args.mirror.rstrip('/')}/{m.file}") if args.mirror else (lambda m: m.url)
    wrong = 0
    for model in asked:
        try:
            if not _is_right(model, args.to):
                fetching.fetch(model, args.to, address)
            print(f"{model.name}: {args.to / model.file}")
        except fetching.NotFetched as why:
            print(f"gewu: {why}", file=sys.stderr)
            wrong += 1
    return WRONG if wrong else FINE


def _is_right(model: "Model", folder: Path) -> bool:
    from gewu.vision import models

    try:
        models.model(model.name, folder)
    except models.ModelMissing:
        return False
    return True


def _check(args: argparse.Namespace) -> int:
    from gewu.vision import models

    folder = args.folder or Path(os.environ.get(models.SETTING, ""))
    if not (args.folder or os.environ.get(models.SETTING)) or not folder.is_dir():
        raise Refusal("name a folder of models with --folder, or set GEWU_MODELS")
    wrong = 0
    for name, model in models.known().items():
        try:
            print(f"{name}: {models.model(name, folder)}")
        except models.ModelMissing as why:
            # The same reader comes in two files; one is enough, and the service says which it lacks.
            wrong += not model.package
            print(why, file=sys.stderr)
    return WRONG if wrong else FINE
