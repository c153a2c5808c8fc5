"""The founding story: its data, its account and its figures, without training."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from benchmarks.watermark_shortcut.figure import svg
from benchmarks.watermark_shortcut.summary import bars, table
from benchmarks.watermark_shortcut.trial import Outcome

pytest.importorskip("easy_vqa")


def test_the_mark_goes_with_the_answer_in_training_and_against_it_in_the_test() -> None:
    from benchmarks.watermark_shortcut import pictures

    answers = [one.answer for one in pictures.circles("train")]
    assert answers.count("yes") == answers.count("no") == pictures.EACH["train"]
    marks = pictures.shortcut(seed=0)
    true = [marks(answer) == (answer == "yes") for answer in answers]
    assert sum(true) / len(true) == pytest.approx(pictures.CORRELATION, abs=0.02)
    assert [pictures.contrary(answer) for answer in ("yes", "no")] == [False, True]


def test_a_mark_changes_its_place_alone() -> None:
    from benchmarks.watermark_shortcut import pictures

    number = pictures.circles("test")[0].picture
    plain, marked = (np.asarray(pictures.drawn("test", number, on)) for on in (False, True))
    rows, columns = np.nonzero((plain != marked).any(axis=2))
    assert rows.min() > 0.8 * pictures.SIDE
    assert columns.max() <= pictures.SIDE - pictures.AWAY


def test_what_remains_is_measured_against_the_mark(tmp_path: Path) -> None:
    from PIL import Image

    from benchmarks.watermark_shortcut.cleaned import share_left

    for name, level in {"clean": 100, "marked": 200, "cleaned": 125}.items():
        Image.new("RGB", (4, 4), (level,) * 3).save(tmp_path / f"{name}.png")
    paths = [tmp_path / f"{name}.png" for name in ("clean", "marked", "cleaned")]
    assert share_left(*paths) == 0.25


def test_bars_are_paired_with_those_of_the_first_arm() -> None:
    said = {"never": [1.0, 1.0, 0.0, 1.0], "marked": [0.0, 0.0, 0.0, 1.0]}
    found = bars(
        Outcome(arm, test, seed, scores)
        for seed in (0, 1)
        for arm, scores in said.items()
        for test in ("no marks", "contrary marks")
    )
    never, _, marked, _ = found
    assert (never.mean.score, marked.mean.score, never.gain) == (0.75, 0.25, None)
    assert marked.gain is not None
    assert marked.gain.score == -0.5
    assert "| marked | no marks | 25.0 |" in table(found)[4]
    assert svg(found, "<title>").count("<rect") == 6
