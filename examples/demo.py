"""The whole path on a real data set: convert, clean, train, evaluate. ``make demo`` runs this.

easy-VQA (https://github.com/vzhou842/easy-VQA) comes with its Python package, so nothing is
fetched. A SmolVLM of 0.4 million parameters is trained from random weights on the training split
and scored on the test split: about ten minutes on two CPU cores, or a minute or two with --short.
"""

from __future__ import annotations

import argparse
import logging
import shutil
import time
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import vqadata
import vqatrain
from vqadata.cleaners.audit import Audit
from vqadata.cleaners.duplicate import Duplicate
from vqadata.commands.command_line import start_logging
from vqadata.commands.printing import table
from vqadata.groundwork.flags import build
from vqadata.shards.manifest import Manifest
from vqadata.sources.easy_vqa import EasyVqa

RECIPE = Path(__file__).parent.parent / "vqatrain" / "configs" / "easy_vqa.yaml"

SHORT = {"max_steps": 300, "first_rows": 6_400}
"""What the quick look takes from the recipe: optimiser steps, examples of the curriculum."""

LANGUAGE_ONLY = 0.67
"""Exact match that a model reaches on the test split without looking at the pictures."""

Result = TypeVar("Result")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--out", type=Path, default=Path(".demo"), help="folder for all results")
    parser.add_argument(
        "--short", action="store_true", help=f"train {SHORT['max_steps']} steps only"
    )
    chosen = parser.parse_args()
    start_logging()
    logging.getLogger("vqatrain").setLevel(logging.INFO)
    demonstrate(chosen.out, chosen.short)


def demonstrate(out: Path, short: bool) -> None:
    for old in ("run", "scores"):
        shutil.rmtree(out / old, ignore_errors=True)
    again = vqadata.OutputOptions(overwrite=True)

    raw, raw_seconds = timed(lambda: vqadata.convert(EasyVqa(), out / "raw", again))
    print("converted; cleaning", flush=True)
    # Drawn pictures of one kind all look alike: only equal bytes are compared.
    chosen = [Audit(), Duplicate(pictures="bytes")]
    clean, clean_seconds = timed(
        lambda: vqadata.clean(out / "raw", out / "clean", chosen, options=again)
    )
    print(f"clean: {clean.questions:,} questions; training", flush=True)
    changes = SHORT if short else {}
    given = {"shards": out / "clean", "out": out / "run", **changes}
    recipe = build(vqatrain.TrainConfig, given, RECIPE)
    run, run_seconds = timed(lambda: vqatrain.run(recipe))
    print("trained; answering the test split", flush=True)
    asked = vqatrain.EvalConfig(
        shards=out / "clean", split="test", model=str(run), out=out / "scores",
        batch_size=256, max_new_tokens=6, threads=recipe.threads,
    )  # fmt: skip
    scores, eval_seconds = timed(lambda: vqatrain.evaluate(asked))

    rows = [
        ("", "rows in", "kept", "dropped", "quarantined", "seconds"),
        account("convert", raw, raw_seconds),
        account("clean", clean, clean_seconds, before=raw),
        (f"train, {recipe.max_steps:,} steps", "", "", "", "", f"{run_seconds:.0f}"),
        (f"evaluate, {scores.questions:,} questions", "", "", "", "", f"{eval_seconds:.0f}"),
    ]
    print("", *table(rows), "", sep="\n")
    print(f"exact match on the test split: {scores.value('exact-match'):.2%}")
    print(f"a model that ignores the pictures reaches {LANGUAGE_ONLY:.0%}")
    if short:
        print(f"this was a short run of {recipe.max_steps} steps, not the full one: make demo")
    print(f"shards: {out / 'clean'}   model: {run / 'model'}   scores: {out / 'scores'}")
    print(f"go on with: vqadata stats {out / 'clean'}, tensorboard --logdir {run / 'tensorboard'}")


def account(
    step: str, after: Manifest, seconds: float, before: Manifest | None = None
) -> tuple[str, ...]:
    """A line of the table: what a step took in, and what became of it."""
    rows_in = before.questions if before else after.seen
    dropped = after.dropped - (before.dropped if before else 0)
    quarantined = after.quarantined - (before.quarantined if before else 0)
    counts = (rows_in, after.questions, dropped, quarantined)
    return (step, *(f"{count:,}" for count in counts), f"{seconds:.1f}")


def timed(work: Callable[[], Result]) -> tuple[Result, float]:
    """The result of some work, and the seconds that it took."""
    started = time.perf_counter()
    return work(), time.perf_counter() - started


if __name__ == "__main__":
    main()
