"""Write every export of some data sets, and what a reader should find in them.

    python -m peers.make_exports OUT [SHARDS]

The data sets are one that holds every case that an export can meet, the test split of easy-VQA from
its package (9,673 questions on 1,000 pictures), and SHARDS if they are given.
"""

from __future__ import annotations

import json
import shutil
import sys
from pathlib import Path

from tests.exported import EVERYTHING, NAMES, make_shards, run_example
from vqadata import convert, open_shards
from vqadata.sources.easy_vqa import EasyVqa


def main(out: str, given: str | None = None) -> None:
    """Make the data sets and their exports."""
    folder = Path(out)
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    sets = {"everything": make_shards(folder / "made", EVERYTHING), "easy-vqa": easy_vqa(folder)}
    if given:
        sets["given"] = Path(given)
    for name, shards in sets.items():
        for export in NAMES:
            receipt = run_example(export, shards, folder / name / export)
            left = sum(receipt.left_out.values())
            print(f"{name} {export}: {receipt.exported} questions, {left} left out")
        write_expected(shards, folder / name / "questions.jsonl")


def easy_vqa(folder: Path) -> Path:
    """Convert easy-VQA."""
    shards = folder / "made" / "easy-vqa"
    convert(EasyVqa(part="test"), shards)
    return shards


def write_expected(shards: Path, path: Path) -> None:
    """Write one line a question."""
    columns = ["question_id", "split", "text", "answer", "rejected"]
    with path.open("w", encoding="utf-8") as file:
        for row in open_shards(shards).questions(columns).select(columns).to_pylist():
            file.write(json.dumps({**row, "split": row["split"] or ""}, ensure_ascii=False) + "\n")


if __name__ == "__main__":
    main(*sys.argv[1:])
