"""Tells the founding story in figures: ``make story``, some ten minutes of CPU time.

    python -m benchmarks.watermark_shortcut --out .story --seeds 0 1 2

Runs that are finished are not done again, so a stopped benchmark goes on. Writes ``story.json``,
``marks.svg`` and ``pictures.png``, and prints the tables of docs/story.md.
"""

from __future__ import annotations

import argparse
import json
import logging
from pathlib import Path

from benchmarks.watermark_shortcut import marks
from benchmarks.watermark_shortcut.cleaned import account, sheet
from benchmarks.watermark_shortcut.figure import svg
from benchmarks.watermark_shortcut.summary import bars, table
from benchmarks.watermark_shortcut.trial import STEPS, Recipe
from vqadata.commands.command_line import start_logging


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--out", type=Path, default=Path(".story"), help="folder for all results")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--arm", action="append", help="what is trained on; by default all")
    parser.add_argument("--make-only", action="store_true", help="make the data and stop")
    parser.add_argument("--steps", type=int, default=STEPS, help="optimiser steps of each run")
    parser.add_argument("--threads", type=int, default=1, help="CPU threads of torch")
    chosen = parser.parse_args()
    start_logging()
    logging.getLogger("vqatrain").setLevel(logging.INFO)
    marks.make(chosen.out)
    sheet(chosen.out).save(chosen.out / "pictures.png")
    found = account(chosen.out)
    print(json.dumps(found._asdict(), indent=1))
    if chosen.make_only:
        return
    recipe = Recipe(chosen.steps, chosen.threads)
    told = bars(marks.trials(chosen.out, chosen.seeds, chosen.arm, recipe))
    drawing = svg(told, "Is there a circle? Share of right answers")
    (chosen.out / "marks.svg").write_text(drawing, encoding="utf-8")
    print("", *table(told), sep="\n")
    facts = {"cleaned": found._asdict(), "bars": [bar._asdict() for bar in told]}
    (chosen.out / "story.json").write_text(json.dumps(facts, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
