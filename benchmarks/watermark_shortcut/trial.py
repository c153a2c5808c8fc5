"""One trial: train the tiny model on some shards, and ask it about others."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import NamedTuple

import vqatrain
from vqadata import OutputOptions, convert
from vqadata.sources.easy_vqa import EasyVqa

METRIC = "exact-match"

STEPS = 600
"""Optimiser steps of each run, of 16 questions each."""


class Recipe(NamedTuple):
    """What all trials have in common."""

    steps: int
    threads: int = 1


class Outcome(NamedTuple):
    """How one run did on one test."""

    arm: str
    """What it was trained on."""
    test: str
    seed: int
    scores: list[float]
    """Of each question, 0 or 1, in the order of the shards."""


def shards(raw: Path, part: str, out: Path) -> Path:
    """Convert a split of a folder in the layout of easy-VQA."""
    convert(EasyVqa(data=[raw], part=part), out, OutputOptions(overwrite=True))
    return out


def train(data: Path, out: Path, seed: int, recipe: Recipe) -> Path:
    """Train a SmolVLM of 0.4 million parameters from random weights."""
    shutil.rmtree(out, ignore_errors=True)
    config = vqatrain.TrainConfig(
        shards=data, split="train", model="tiny:smolvlm", tuning="full", out=out, seed=seed,
        max_steps=recipe.steps, warmup_steps=30, learning_rate=1.5e-3, batch_size=16,
        precision="fp32", threads=recipe.threads, logging_steps=50, report_to="none",
    )  # fmt: skip
    return vqatrain.run(config)


def ask(run: Path, data: Path, recipe: Recipe) -> list[float]:
    """Exact match on each test question of some shards; answers that are there are taken."""
    out = run / "asked" / data.name
    if not (out / "scores.json").exists():
        config = vqatrain.EvalConfig(
            shards=data, split="test", model=str(run), out=out, batch_size=256,
            max_new_tokens=6, threads=recipe.threads, metric=[METRIC],
        )  # fmt: skip
        vqatrain.evaluate(config)
    lines = (out / "predictions.jsonl").read_text(encoding="utf-8").splitlines()
    return [json.loads(line)["scores"][METRIC] for line in lines]
