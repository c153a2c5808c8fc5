"""From rows to the order of a run: measured, those that cannot fit left out, laid out in steps."""

from __future__ import annotations

import itertools
import logging
import math
from collections.abc import Iterator
from typing import TYPE_CHECKING, NamedTuple

from pydantic import BaseModel

from vqadata.engine.hiring import EngineOptions
from vqadata.errors import VqaDataError
from vqatrain import order
from vqatrain.batches.batch import Batcher
from vqatrain.batches.lengths import ALONE, Lengths, measure
from vqatrain.config import TrainConfig
from vqatrain.data import Questions, Schedule, curriculum, keep
from vqatrain.models.family import Loaded
from vqatrain.pace import Pace, refuse_finished

if TYPE_CHECKING:
    from vqatrain.order import Order, Rows

log = logging.getLogger(__name__)

PACK_TOKENS = 4096
"""Length of a packed sequence where nothing is said; attention costs its square."""

SHOWN = 5
"""Rows that a message names."""


class Row(BaseModel):
    """A row that is named."""

    question_id: str
    tokens: int


class Layout(NamedTuple):
    """What is trained on, in which order."""

    schedule: Schedule
    steps: int
    lengths: Lengths
    """Of the rows that are left."""
    too_long: list[Row]
    limit: int
    """Tokens that a row, or a packed sequence, may have."""


def lay_out(
    config: TrainConfig,
    questions: Questions,
    batcher: Batcher,
    loaded: Loaded,
    pace: Pace,
    engine: EngineOptions = ALONE,
) -> Layout:
    """Measure the rows, leave out those that cannot fit, and lay out the whole run.

    Args:
        config: How rows are batched, and what happens to those that are too long.
        questions: Rows that are too long are taken out of it.
        batcher: Makes the batches of the run.
        loaded: The model.
        pace: Places of a step.
        engine: Who measures.

    Raises:
        VqaDataError: A row is too long and shall not be left out, or none is left; or the run goes
            on from a checkpoint beyond its last step.
    """
    lengths, limit = measure(batcher, questions, engine), _limit(config, loaded)
    fits = lengths.total <= limit
    ids, total = questions.table["question_id"], lengths.total
    too_long = [Row(question_id=ids[i], tokens=total[i]) for i in (~fits).nonzero()[0].tolist()]
    if too_long:
        _tell(too_long, len(fits), limit, config.too_long)
        keep(questions, fits.tolist())
        lengths = Lengths(lengths.prompt[fits], lengths.answer[fits])
    laid, steps = _order(config, questions, lengths.total, limit, pace)
    refuse_finished(config, steps)
    return Layout(Schedule(questions, laid), steps, lengths, too_long, limit)


def _limit(config: TrainConfig, loaded: Loaded) -> int:
    positions: int = loaded.model.config.get_text_config().max_position_embeddings
    usual = min(positions, PACK_TOKENS) if config.batching == "packed" else positions
    return min(config.max_tokens or usual, positions)


def _tell(too_long: list[Row], rows: int, limit: int, policy: str) -> None:
    named = ", ".join(f"{row.question_id} ({row.tokens:,})" for row in too_long[:SHOWN])
    found = f"{len(too_long):,} of {rows:,} rows have more than {limit:,} tokens: {named}"
    if policy == "refuse" or len(too_long) == rows:
        raise VqaDataError(
            "rows", found, "rows that fit whole",
            "Shrink pictures with --max-pixels, or leave these rows out with --too-long skip.",
        )  # fmt: skip
    log.warning("%s; left out", found)


def _order(
    config: TrainConfig, questions: Questions, lengths: Rows, limit: int, pace: Pace
) -> tuple[Order, int]:
    """The whole order, and its number of steps."""
    rows, step = len(questions), pace.step
    first = curriculum(questions, config.first_where, config.first_rows, config.seed)
    if config.batching == "packed":
        steps = config.max_steps or _steps(_packs(config, lengths, limit), step)
        runs = _stretches(first, rows, config.seed)
        return order.packed(runs, lengths, limit, steps * step, config.seed), steps
    steps = config.max_steps or _steps(rows * config.epochs, step)
    laid = order.whole(first, rows, steps * step, config.seed)
    if config.batching == "by-length":
        return order.by_length(laid, lengths, step, config.seed), steps
    return order.singly(laid), steps


def _steps(places: float, step: int) -> int:
    return max(1, math.ceil(places / step))


def _packs(config: TrainConfig, lengths: Rows, limit: int) -> float:
    """Packed sequences of the epochs; told from the first pass."""
    alone = order.packed(
        itertools.islice(_stretches(None, len(lengths), config.seed), 1),
        lengths, limit, len(lengths), config.seed,
    )  # fmt: skip
    return len(alone) * config.epochs


def _stretches(first: Rows | None, rows: int, seed: int) -> Iterator[Rows]:
    if first is not None:
        yield first
    for number in itertools.count():
        yield order.one_pass(rows, number, seed)
