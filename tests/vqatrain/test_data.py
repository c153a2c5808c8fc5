"""The door: which rows are chosen, in which order they come, and what is refused."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from vqadata.errors import OptionError, VqaDataError
from vqatrain import order
from vqatrain.config import DataOptions
from vqatrain.data import Questions, curriculum, trainable
from vqatrain.order import passes


def questions(shards: Path, **options: str) -> Questions:
    return Questions(DataOptions(shards=shards, **options))


def test_split_and_condition_choose_rows(shards: Path) -> None:
    assert len(questions(shards)) == 32
    assert len(questions(shards, split="test")) == 16
    assert len(questions(shards, split="test", where="answer_type = 'colour'")) == 8


def test_an_example_has_its_own_picture(shards: Path) -> None:
    rows = questions(shards)
    for row in range(len(rows)):
        example = rows.example(row)
        assert example.answer is not None
        middle = example.pictures[0].getpixel((50, 50))
        named = {"red": (255, 0, 0), "blue": (0, 0, 255), "green": (0, 128, 0)}
        assert middle == named.get(example.answer, (255, 255, 0))


@pytest.mark.parametrize(
    ("option", "value", "said"),
    [
        ("split", "dev", "one of test, train"),
        ("where", "colour = 1", "no condition"),
        ("where", "SELECT", "no condition"),
        ("where", "answer = 'pink'", "no row fits"),
    ],
)
def test_a_choice_that_fits_nothing_is_refused(
    option: str, value: str, said: str, shards: Path
) -> None:
    with pytest.raises(OptionError, match=said):
        questions(shards, **{option: value})


def test_passes_hold_every_row_once_a_pass() -> None:
    order = passes(np.arange(10), 25, seed=3, stream=0)
    assert sorted(order[:10]) == sorted(order[10:20]) == list(range(10))
    assert list(order[:10]) != list(order[10:20])
    assert len(set(order[20:])) == 5


def test_order_depends_on_the_seed_alone() -> None:
    def order(seed: int) -> list[int]:
        return passes(np.arange(100), 100, seed, stream=0).tolist()

    assert order(1) == order(1)
    assert order(1) != order(2)


def test_curriculum_comes_first_then_the_whole(shards: Path) -> None:
    rows = questions(shards)
    first = curriculum(rows, "answer = 'red'", 12, seed=0)
    laid = order.whole(first, len(rows), 60, seed=0)
    answers = [rows.table["answer"][row] for row in laid.tolist()]
    assert set(answers[:12]) == {"red"}
    assert sorted(laid[12:44].tolist()) == list(range(32))
    assert len(laid) == 60


def test_rows_without_an_answer_are_refused(shards: Path) -> None:
    rows = questions(shards)
    rows.table = rows.table.with_columns(answer=None)
    with pytest.raises(VqaDataError, match="32 rows without an answer, first question 16"):
        trainable(rows)


def test_pictures_without_a_header_are_refused(shards: Path) -> None:
    import polars as pl

    rows = questions(shards)
    unreadable = pl.Series("widths", [[None]] * 32, dtype=pl.List(pl.Int32))
    rows.table = rows.table.with_columns(unreadable)
    with pytest.raises(VqaDataError, match="32 rows whose picture cannot be opened"):
        trainable(rows)
