"""What a run will take, told before it: tokens of each row, padding, steps, memory.

No picture is opened, and no weights are loaded but those of tiny models.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydantic import BaseModel, ConfigDict, Field

from vqatrain import contract, training, tuning
from vqatrain import model as models
from vqatrain.batch import Batcher
from vqatrain.config import TrainConfig
from vqatrain.data import Questions, trainable
from vqatrain.family import Loaded
from vqatrain.layout import SHOWN, Layout, Row, lay_out
from vqatrain.pace import pace

if TYPE_CHECKING:
    from vqatrain.order import Rows

NF4_BYTES = 0.5159
"""Bytes of a weight in NF4 with double quantisation."""

ADAM_STATES = 2


class Spread(BaseModel):
    """How a number is spread over the rows."""

    least: int
    median: int
    p95: int = Field(description="19 of 20 rows have no more.")
    most: int


class Memory(BaseModel):
    """Bytes on each device, without activations and what the libraries take for themselves."""

    weights: int
    gradients: int
    optimiser: int
    logits: int = Field(description="Of the batch with the longest answer, with their gradients.")


class Plan(BaseModel):
    """What a run will take."""

    model_config = ConfigDict(frozen=True)

    model: str
    data_digest: str
    rows: int
    tokens: Spread = Field(description="Tokens of a row: pictures, template, question, answer.")
    answer_tokens: Spread
    limit: int = Field(description="Tokens that a row, or a packed sequence, may have.")
    too_long: list[Row] = Field(description="Rows with more tokens: refused, or left out.")
    longest: list[Row]
    steps: int
    examples: int
    filled: float = Field(
        description="Share of tokens in the batches, or in the packed sequences; the rest is empty."
    )
    memory: Memory


def plan(config: TrainConfig) -> Plan:
    """Say what a run will take.

    Args:
        config: The run.

    Raises:
        VqaDataError: The data cannot be trained on, or an option does not fit.
    """
    models.prepare_libraries()
    questions = Questions(config)
    trainable(questions)
    loaded = training.outline(config, questions.texts())
    contract.settle(loaded, config, config.prompt_suffix)
    # Rows that are too long are told, not refused.
    skipping = config.model_copy(update={"too_long": "skip"})
    layout = lay_out(
        skipping, questions, Batcher(loaded, config.prompt_suffix), loaded, pace(config)
    )
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
        filled=_filled(config, layout),
        memory=_memory(config, loaded, int(answer.max())),
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
        widest = int(lengths.prompt[batch].max() + lengths.answer[batch].max())
        places += widest * len(batch)
    return used / places


def _memory(config: TrainConfig, loaded: Loaded, longest_answer: int) -> Memory:
    """Memory of one process, by arithmetic."""
    family, size = loaded.family, models.choose_dtype(config.precision).itemsize
    model = tuning.prepare(loaded.model, config)
    quantised = training.quantised_parts(config)
    weights = trained = 0.0
    for name, weight in model.named_parameters():
        adapter = ".lora_" in name
        layer = name.endswith(".weight") and weight.ndim == 2 and ".embed" not in name
        four_bit = layer and not adapter and family.part_of(name) in quantised
        bytes_each = 4 if adapter else NF4_BYTES if four_bit else size
        weights += weight.numel() * bytes_each
        trained += weight.numel() * bytes_each if weight.requires_grad else 0
    vocabulary = loaded.model.config.get_text_config().vocab_size
    logits = config.batch_size * (longest_answer + 1) * vocabulary
    return Memory(
        weights=round(weights),
        gradients=round(trained),
        optimiser=round(trained * ADAM_STATES),
        logits=logits * (size + 4 + 4),  # as computed, as float32, and the gradient of that
    )
