"""What a run will take, told before it: tokens of each row, padding, steps, memory.

No picture is opened, and no weights are loaded but those of tiny models.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from pydantic import BaseModel, ConfigDict, Field

from vqadata.engine.hiring import EngineOptions
from vqatrain.batches import contract
from vqatrain.batches.batch import Batcher
from vqatrain.batches.layout import SHOWN, Layout, Row, lay_out
from vqatrain.batches.lengths import ALONE, Lengths
from vqatrain.config import DpoConfig, TrainConfig
from vqatrain.data import Questions, keep_pairs, trainable
from vqatrain.models import model as models
from vqatrain.models.family import Loaded
from vqatrain.pace import pace
from vqatrain.planning.memory import Batch, Memory, device_bytes, memory
from vqatrain.training import checkpoints, training

if TYPE_CHECKING:
    from vqatrain.order import Rows

FORWARD, BACKWARD = 2, 2
"""Floating-point operations of a weight and token; backward once for what is before a layer, and
once more for the weights that are trained (Kaplan et al. 2020)."""

MATRIX = {"cuda": 8192, "cpu": 512}
"""Side of the matrices by which the speed of this machine is told."""


class Spread(BaseModel):
    """How a number is spread over the rows."""

    least: int
    median: int
    p95: int = Field(description="19 of 20 rows have no more.")
    most: int


class Plan(BaseModel):
    """What a run will take."""

    model_config = ConfigDict(frozen=True)

    model: str
    data_digest: str
    rows: int
    tokens: Spread = Field(
        description="Tokens of a row: pictures, template, question, answer; of a pair the longer."
    )
    answer_tokens: Spread
    limit: int = Field(description="Tokens that a row, or a packed sequence, may have.")
    too_long: list[Row] = Field(description="Rows with more tokens: refused, or left out.")
    longest: list[Row]
    steps: int
    examples: int
    filled: float = Field(
        description="Share of tokens in the batches, or in the packed sequences; the rest is empty."
    )
    largest: Batch
    memory: Memory
    device: int = Field(description="Bytes of the device, or of the main memory without one.")
    seconds: float = Field(
        description="Least time of the language model, by the speed of matrix products here."
    )

    @property
    def fits(self) -> bool:
        """Whether the device has as much memory as is told here."""
        return self.memory.total <= self.device


def plan(
    config: TrainConfig,
    processes: int | None = None,
    device: int | None = None,
    engine: EngineOptions = ALONE,
) -> Plan:
    """Say what a run will take.

    Args:
        config: The run, on answers or on pairs of them.
        processes: How many; by default as this one was started.
        device: Bytes of each device; by default of the one here.
        engine: Who counts the tokens; nothing of it shows in the plan.

    Raises:
        VqaDataError: The data cannot be trained on, or an option does not fit.
    """
    models.prepare_libraries()
    config = checkpoints.chosen(config)
    questions = Questions(config)
    if isinstance(config, DpoConfig):
        keep_pairs(questions)
    trainable(questions)
    loaded = training.outline(config, questions.texts())
    contract.settle(loaded, config, config.prompt_suffix)
    # Rows that are too long are told, not refused.
    skipping = config.model_copy(update={"too_long": "skip"})
    step = pace(config)
    step = step._replace(processes=processes or step.processes)
    batcher = Batcher(loaded, config.prompt_suffix)
    layout = lay_out(skipping, questions, batcher, loaded, step, engine)
    largest, filled = _largest(config, layout), _filled(config, layout)
    total, answer = layout.lengths.total, layout.lengths.answer
    ids = questions.table["question_id"]
    return Plan(
        model=config.model,
        data_digest=questions.shards.digest,
        rows=len(ids),
        tokens=_spread(total),
        answer_tokens=_spread(answer),
        limit=layout.limit,
        too_long=layout.too_long,
        longest=[
            Row(question_id=ids[i], tokens=total[i])
            for i in (-total).argsort(kind="stable")[:SHOWN].tolist()
        ],
        steps=layout.steps,
        examples=len(layout.schedule.order.rows),
        filled=filled,
        seconds=_seconds(config, loaded, _places(config, layout, filled), step.processes),
        largest=largest,
        memory=memory(config, loaded, largest, step.processes),
        device=device or device_bytes(),
    )


def _spread(values: Rows) -> Spread:
    in_order = sorted(values.tolist())
    return Spread(
        least=in_order[0],
        median=in_order[(len(in_order) - 1) // 2],
        p95=in_order[(len(in_order) - 1) * 19 // 20],
        most=in_order[-1],
    )


def _filled(config: TrainConfig, layout: Layout) -> float:
    """Share of the places of tokens that tokens take, in the run's own batches or packs."""
    order, lengths = layout.schedule.order, layout.lengths
    used = int(lengths.total[order.rows].sum())
    if config.batching == "packed":
        return used / (len(order) * layout.limit)
    places = 0
    for start in range(0, len(order), config.batch_size):
        batch = order.rows[start : start + config.batch_size]
        places += _width(lengths, batch) * len(batch)
    return used / places


def _largest(config: TrainConfig, layout: Layout) -> Batch:
    """The batch with most places for tokens, of the run's own."""
    order, lengths = layout.schedule.order, layout.lengths
    if config.batching == "packed":
        tokens = [int(lengths.total[order.at(place)].sum()) for place in range(len(order))]
        rows = order.at(tokens.index(max(tokens)))
        answers = int(lengths.answer[rows].sum()) + len(rows)
        return Batch(rows=1, tokens=max(tokens), answers=answers)
    starts = range(0, len(order), config.batch_size)
    batches = [order.rows[start : start + config.batch_size] for start in starts]
    widest = max(batches, key=lambda rows: len(rows) * _width(lengths, rows))
    answers = max(len(rows) * int(lengths.answer[rows].max() + 1) for rows in batches)
    sides = _sides(config)
    return Batch(rows=sides * len(widest), tokens=_width(lengths, widest), answers=sides * answers)


def _sides(config: TrainConfig) -> int:
    """Rows of a batch that an example makes: a pair is two."""
    return 2 if isinstance(config, DpoConfig) else 1


def _width(lengths: Lengths, rows: Rows) -> int:
    """Tokens of a row of a batch: prompts and answers are padded each to the longest."""
    return int(lengths.prompt[rows].max() + lengths.answer[rows].max())


def _places(config: TrainConfig, layout: Layout, filled: float) -> float:
    """Places for tokens that the run computes; in packed sequences nothing is padded."""
    used = float(layout.lengths.total[layout.schedule.order.rows].sum()) * _sides(config)
    return used if config.batching == "packed" else used / filled


def _seconds(config: TrainConfig, loaded: Loaded, places: float, processes: int) -> float:
    """Least time for the language model, at the speed of matrix products on this machine."""
    import torch

    weights = sum(
        weight.numel()
        for name, weight in loaded.model.named_parameters()
        if loaded.family.part_of(name) == "language" and ".embed" not in name
    )
    forward = 1 + config.gradient_checkpointing + isinstance(config, DpoConfig)  # the reference
    passes = FORWARD * forward + BACKWARD * (1 + (not config.adapters))
    device = "cuda" if torch.cuda.is_available() else "cpu"
    side, dtype = MATRIX[device], models.choose_dtype(config.precision)
    matrix = torch.ones(side, side, dtype=dtype, device=device)
    started = time.perf_counter()
    float((matrix @ matrix)[0, 0])  # asking for a number waits for it
    seconds = time.perf_counter() - started
    return float(places * weights * passes / (2 * side**3 / seconds) / processes)
