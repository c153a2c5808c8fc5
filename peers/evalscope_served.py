"""Train a little, serve the model, and have EvalScope ask it; its answers must be ours.

    python -m peers.evalscope_served PYTHON OUT

PYTHON is that of the environment of EvalScope. The model is asked the first questions of the test
split of easy-VQA, once by ``vqatrain eval`` and once through EvalScope and ``vqatrain serve``.
"""

from __future__ import annotations

import json
import shutil
import sys
from pathlib import Path

import vqatrain
from tests.vqatrain.served import served
from vqadata import convert
from vqadata.sources.easy_vqa import EasyVqa
from vqatrain import printing
from vqatrain.config import ServeConfig
from vqatrain.evalscope.config import EvalScopeConfig
from vqatrain.evalscope.evaluation import Bridged, bridge

STEPS, ROWS = 60, 50
SUFFIX = "\nAnswer with one word."


def main(python: str, out: str) -> None:
    """Compare both ways."""
    folder = Path(out)
    shutil.rmtree(folder, ignore_errors=True)
    convert(EasyVqa(), folder / "shards")
    run = vqatrain.run(
        vqatrain.TrainConfig(
            shards=folder / "shards", split="train", model="tiny:smolvlm", tuning="full",
            out=folder / "run", max_steps=STEPS, learning_rate=2e-3, batch_size=32,
            prompt_suffix=SUFFIX, report_to="none",
        )
    )  # fmt: skip
    direct = vqatrain.EvalConfig(
        shards=folder / "shards", split="test", model=str(run), limit=ROWS, out=folder / "eval"
    )
    vqatrain.evaluate(direct)
    compare(direct.out, ask(python, folder, run))


def ask(python: str, folder: Path, run: Path) -> Path:
    """Let EvalScope ask the served model; all of its answers are scored."""
    with served(ServeConfig(model=str(run), name="tiny", port=0, max_new_tokens=16)) as address:
        options = EvalScopeConfig(
            shards=folder / "shards", split="test", model="tiny", url=f"{address}/v1",
            limit=ROWS, run=python, out=folder / "evalscope",
        )  # fmt: skip
        found: Bridged = bridge(options)
    print(printing.bridged(found, options.out))
    if not found.theirs:
        raise SystemExit("EvalScope reported no score")
    return options.out


def compare(ours: Path, theirs: Path) -> None:
    """Hold the answers that EvalScope got against ours."""
    said = [answers(ours), answers(theirs)]
    wrong = [pair for pair in zip(*said, strict=True) if pair[0] != pair[1]]
    if wrong:
        raise SystemExit(f"{len(wrong)} of {len(said[0])} answers differ, as {wrong[:3]}")
    different = len(set(said[0]))
    print(f"{len(said[0])} answers through EvalScope as those of eval, {different} different ones")


def answers(folder: Path) -> list[str]:
    """What was answered, in order."""
    lines = (folder / "predictions.jsonl").read_text(encoding="utf-8").splitlines()
    return [json.loads(line)["prediction"] for line in lines]


if __name__ == "__main__":
    main(*sys.argv[1:])
