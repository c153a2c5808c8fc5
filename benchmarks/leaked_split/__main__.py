"""Tells in figures what a leaked validation set hides: ``make story``, three minutes of CPU time.

    python -m benchmarks.leaked_split --out .story/leak --seeds 0 1 2

Runs that are finished are not done again. Writes ``leak.json`` and prints the tables of
docs/story.md.
"""

from __future__ import annotations

import argparse
import json
import logging
from collections.abc import Iterable
from pathlib import Path

from benchmarks.leaked_split import pictures
from benchmarks.leaked_split.pictures import TEST, TRAINING, VALIDATION, Picture
from benchmarks.watermark_shortcut.trial import METRIC, Recipe, ask, train
from vqadata import OutputOptions, clean, convert, open_shards
from vqadata.cleaners.leakage import Leakage
from vqadata.commands.command_line import start_logging
from vqadata.sources.custom import Custom
from vqatrain.scoring.intervals import interval
from vqatrain.scoring.metric import all_metrics

STEPS = 400
"""Optimiser steps of each run: 32 times through the training set."""

SETS = {"train": TRAINING, "validation": VALIDATION, "unseen": TEST}
CLEANED = "validation, cleaned"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--out", type=Path, default=Path(".story/leak"), help="folder for all")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--steps", type=int, default=STEPS, help="optimiser steps of each run")
    parser.add_argument(
        "--make-only", action="store_true", help="make and clean the data, and stop"
    )
    chosen = parser.parse_args()
    start_logging()
    logging.getLogger("vqatrain").setLevel(logging.INFO)
    for name, members in SETS.items():
        make(chosen.out, name, members)
    facts = cleaned(chosen.out)
    print(json.dumps(facts, indent=1))
    if chosen.make_only:
        return
    found = rows(chosen.out, chosen.seeds, Recipe(chosen.steps))
    print("", *table(found), sep="\n")
    told = json.dumps({"cleaned": facts, "rows": found}, indent=1)
    (chosen.out / "leak.json").write_text(told + "\n", encoding="utf-8")


def make(out: Path, name: str, members: Iterable[Picture]) -> None:
    """Write a set, and convert it: as it is collected, and as the model sees it."""
    raw, split = out / "raw" / name, "train" if name == "train" else "test"
    if not (out / "shards" / name / "manifest.json").exists():
        pictures.write(raw, members)
        shards(raw, raw / "images", split, out / "shards" / name)
    if not (out / "small" / name / "manifest.json").exists():
        small = raw / "small"
        small.mkdir(exist_ok=True)
        for path in (raw / "images").iterdir():
            (small / path.name).with_suffix(".png").write_bytes(pictures.shrunk(path.read_bytes()))
        text = (raw / "rows.csv").read_text(encoding="utf-8").replace(".jpg", ".png")
        (small / "rows.csv").write_text(text, encoding="utf-8")
        shards(small, small, split, out / "small" / name)


def shards(raw: Path, images: Path, split: str, out: Path) -> None:
    """Convert a table of questions."""
    source = Custom(
        data=raw / "rows.csv", image_root=[images], constant=[f"split={split}"],
        field=["question=question", "image=image", "answer=answer"],
    )  # fmt: skip
    convert(source, out, OutputOptions(overwrite=True))


def cleaned(out: Path) -> dict[str, int]:
    """Clean the validation set against the training set; what was found, by what is true."""
    folder = out / "shards" / CLEANED
    if not (folder / "manifest.json").exists():
        cleaner = Leakage(against=[out / "shards" / "train"], leaks="drop")
        clean(out / "shards" / "validation", folder, [cleaner], OutputOptions(overwrite=True))
    kept = set(names_of(folder))
    copies = {one.name for one in VALIDATION if one.again}
    others = {one.name for one in VALIDATION} - copies
    return {
        "copies": len(copies), "copies that are left": len(copies & kept),
        "others": len(others), "others that were dropped": len(others - kept),
    }  # fmt: skip


def names_of(folder: Path) -> list[str]:
    """Which picture each question of some shards is about."""
    paths = open_shards(folder).questions(["image_path"]).to_pylist()
    return [Path(row["image_path"]).stem for row in paths]


def rows(out: Path, seeds: Iterable[int], recipe: Recipe) -> list[dict[str, object]]:
    """Train once a seed, ask about everything, and score by what was asked."""
    names = names_of(out / "small" / "validation")
    kept = names_of(out / "shards" / CLEANED)
    by_part: dict[str, list[list[float]]] = {}
    for seed in seeds:
        run = out / "runs" / str(seed)
        if not (run / "run.json").exists():
            train(out / "small" / "train", run, seed, recipe)
        scores = dict(zip(names, ask(run, out / "small" / "validation", recipe), strict=True))
        parts = {
            "validation, as it came": list(scores.values()),
            "of these, copies": [scores[one.name] for one in VALIDATION if one.again],
            "validation, cleaned against training": [
                scores[name] for name in names if name in kept
            ],
            "pictures that nobody saw": ask(run, out / "small" / "unseen", recipe),
        }
        for part, found in parts.items():
            by_part.setdefault(part, []).append(found)
    return [_row(part, runs) for part, runs in by_part.items()]


def _row(part: str, runs: list[list[float]]) -> dict[str, object]:
    means = [(sum(scores) / len(scores),) for scores in zip(*runs, strict=True)]
    seeds = [sum(run) / len(run) for run in runs]
    span = interval(all_metrics()[METRIC], means)
    return {"asked about": part, "questions": len(means), "seeds": seeds, **span._asdict()}


def table(found: list[dict[str, object]]) -> list[str]:
    """What was found, as lines of a Markdown table."""
    lines = [
        "| asked about | questions | exact match | 95 % interval | seeds |",
        "|---|---:|---:|---|---|",
    ]
    for row in found:
        score, low, high = (100 * float(str(row[name])) for name in ("score", "low", "high"))
        seeds = ", ".join(f"{100 * seed:.1f}" for seed in row["seeds"])  # type: ignore[attr-defined]
        span = f"{low:.1f} to {high:.1f}"
        lines.append(
            f"| {row['asked about']} | {row['questions']} | {score:.1f} | {span} | {seeds} |"
        )
    return lines


if __name__ == "__main__":
    main()
