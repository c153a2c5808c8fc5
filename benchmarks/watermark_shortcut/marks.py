"""The story of the mark: never marked, marked, marked and cleaned."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from benchmarks.watermark_shortcut import pictures
from benchmarks.watermark_shortcut.trial import Outcome, Recipe, ask, shards, train
from vqadata import OutputOptions, clean
from vqadata.cleaners.watermark import Watermark

ARMS = ("never marked", "marked", "marked and cleaned")
TESTS = ("no marks", "contrary marks")

READ = 60
"""Pictures that are read; the mark itself is looked for in all of them."""


def make(out: Path) -> dict[str, Path]:
    """Shards of the three training sets and of both tests, by the name of arm or test."""
    sets = {
        "never marked": ("train", pictures.never),
        "marked": ("train", pictures.shortcut(seed=0)),
        "no marks": ("test", pictures.never),
        "contrary marks": ("test", pictures.contrary),
    }
    for name, (part, marks) in sets.items():
        if not done(out / "shards" / name):
            pictures.write(out / "raw" / name, part, marks)
            shards(out / "raw" / name, part, out / "shards" / name)
    if not done(out / "shards" / ARMS[2]):
        cleaner = Watermark(ocr_filter=True, policy="mask", ocr_sample=READ)
        again = OutputOptions(overwrite=True)
        clean(out / "shards" / ARMS[1], out / "shards" / ARMS[2], [cleaner], again)
    return {name: small(out, name) for name in (*ARMS, *TESTS)}


def small(out: Path, name: str) -> Path:
    """The same shards with pictures as small as the model sees them."""
    folder = out / "small" / name
    if not done(folder):
        part = "test" if name in TESTS else "train"
        pictures.shrunk(out / "shards" / name, out / "raw-small" / name, part)
        shards(out / "raw-small" / name, part, folder)
    return folder


def done(folder: Path) -> bool:
    """Whether a folder of shards is whole."""
    return (folder / "manifest.json").exists()


def trials(out: Path, seeds: list[int], arms: Sequence[str], recipe: Recipe) -> Iterator[Outcome]:
    """Train and ask, arm by arm; what was done before is not done again."""
    made = make(out)
    for seed in seeds:
        for arm in [arm for arm in ARMS if not arms or arm in arms]:
            run = out / "runs" / f"{arm} {seed}"
            if not (run / "run.json").exists():
                train(made[arm], run, seed, recipe)
            for test in TESTS:
                yield Outcome(arm, test, seed, ask(run, made[test], recipe))
