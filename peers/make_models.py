"""Train a little, export the model for plain transformers, and write what it answers here.

    python -m peers.make_models OUT

Each family gets a folder ``FAMILY`` with the export, and beside it ``FAMILY.jsonl``: a line for
each of 100 questions of easy-VQA with the picture's file and the answer of ``vqatrain``.
"""

from __future__ import annotations

import json
import shutil
import sys
from pathlib import Path

import vqatrain
from vqadata import convert
from vqadata.sources.easy_vqa import EasyVqa

FAMILIES = ("smolvlm", "qwen2_5_vl")
STEPS, ROWS = 2, 100
"""So few steps leave the answers random, and each letter of them at the mercy of a pixel."""


def main(out: str) -> None:
    """Make the models, those that are there anew."""
    folder = Path(out)
    shutil.rmtree(folder, ignore_errors=True)
    source = EasyVqa()
    convert(source, folder / "shards")
    for family in FAMILIES:
        run = vqatrain.run(
            vqatrain.TrainConfig(
                shards=folder / "shards", split="train", model=f"tiny:{family}", tuning="lora",
                out=folder / "runs" / family, max_steps=STEPS, learning_rate=2e-3, batch_size=16,
                prompt_suffix="\nAnswer with one word.", report_to="none",
            )
        )  # fmt: skip
        vqatrain.export(vqatrain.ExportConfig(model=str(run), out=folder / family))
        asked = vqatrain.EvalConfig(
            shards=folder / "shards", split="test", model=str(run), limit=ROWS,
            out=folder / "answers" / family,
        )  # fmt: skip
        vqatrain.evaluate(asked)
        write(source.picture_roots()[0], asked.out, folder / f"{family}.jsonl")


def write(pictures: Path, answers: Path, path: Path) -> None:
    """Write a line a question: picture, question, and the answer that is expected."""
    lines = (answers / "predictions.jsonl").read_text(encoding="utf-8").splitlines()
    with path.open("w", encoding="utf-8") as file:
        for row in map(json.loads, lines):
            asked = {
                "picture": str(pictures / row["image_path"]),
                "question": row["text"],
                "answer": row["prediction"],
            }
            file.write(json.dumps(asked) + "\n")


if __name__ == "__main__":
    main(*sys.argv[1:])
