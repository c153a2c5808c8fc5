"""What a run will take, told before it: tokens of each row, padding, steps, memory.

No picture is opened, and no weights are loaded but those of tiny models.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from vqatrain import contract, training, tuning
from vqatrain import model as models
from vqatrain.batch import Batcher
from vqatrain.config import TrainConfig
from vqatrain.data import Example, Questions, Schedule, curriculum, trainable
from vqatrain.family import Loaded
from vqatrain.lengths import Length, Ruler, Sizes

SHOWN = 5
"""Longest rows that are named."""

NF4_BYTES = 0.5159
"""Bytes of a weight in NF4 with double quantisation."""

ADAM_STATES = 2


class Row(BaseModel):
    """A row that is named."""

    question_id: str
    tokens: int


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
    context: int = Field(description="Positions that the model has.")
    too_long: list[Row] = Field(description="Rows with more tokens than positions.")
    longest: list[Row]
    steps: int
    examples: int
    padding: float = Field(description="Share of padding in the batches of the run.")
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
    lengths = list(Ruler(Batcher(loaded, config.prompt_suffix)).lengths(_sized(questions)))
    steps = training.steps_of(config, len(questions))
    first = curriculum(questions, config.first_where, config.first_rows, config.seed)
    schedule = Schedule(questions, training.examples_of(config, steps), config.seed, first)
    ids = questions.table["question_id"]
    rows = [Row(question_id=ids[i], tokens=each.total) for i, each in enumerate(lengths)]
    context = loaded.model.config.get_text_config().max_position_embeddings
    return Plan(
        model=config.model,
        data_digest=questions.shards.digest,
        rows=len(rows),
        tokens=_spread([row.tokens for row in rows]),
        answer_tokens=_spread([each.answer for each in lengths]),
        context=context,
        too_long=[row for row in rows if row.tokens > context],
        longest=sorted(rows, key=lambda row: -row.tokens)[:SHOWN],
        steps=steps,
        examples=len(schedule),
        padding=_padding([lengths[i] for i in schedule.rows], config.batch_size),
        memory=_memory(config, loaded, max(each.answer for each in lengths)),
    )


def _sized(questions: Questions) -> Iterator[tuple[Example, Sizes]]:
    """The rows with the sizes of their pictures instead of these."""
    for record in questions.records():
        sizes = tuple(zip(record["widths"], record["heights"], strict=True))
        blank: list[Any] = [None] * len(sizes)
        yield Example(record["question_id"], blank, record["text"], record["answer"]), sizes


def _spread(values: Sequence[int]) -> Spread:
    in_order = sorted(values)
    return Spread(
        least=in_order[0],
        median=in_order[(len(in_order) - 1) // 2],
        p95=in_order[(len(in_order) - 1) * 19 // 20],
        most=in_order[-1],
    )


def _padding(lengths: Sequence[Length], batch_size: int) -> float:
    """Share of padding: prompts are padded to the longest prompt, answers to the longest answer."""
    places = 0
    for start in range(0, len(lengths), batch_size):
        batch = lengths[start : start + batch_size]
        widest = max(each.prompt for each in batch) + max(each.answer for each in batch)
        places += widest * len(batch)
    return 1 - sum(each.total for each in lengths) / places


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
