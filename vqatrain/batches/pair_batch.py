"""Batches of pairs for preference training, and the blank picture beside pairs without one."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from typing import Any

from vqatrain.batches.batch import IGNORED, Batcher
from vqatrain.data import Example

BLANK = "blank"
"""Entry of a batch without pictures: tokens of a row with a blank one."""


class PairBatcher:
    """Makes batches for TRL: all chosen answers, then all rejected ones.

    Args:
        batcher: Makes the batches of single answers.
    """

    def __init__(self, batcher: Batcher) -> None:
        """Keep the batcher."""
        self._batcher = batcher

    def __call__(self, examples: Sequence[Example]) -> dict[str, Any]:
        """A batch of twice as many rows as there are examples.

        Returns:
            The model's inputs, and ``completion_mask`` of the shape of ``input_ids``: 1 where a
            token belongs to an answer. If no example has a picture, the pixels are those of a blank
            one and ``blank`` has the tokens of its row: a model prepared by :func:`see_blanks`
            takes them as one more row.
        """
        rejected = [example._replace(answer=example.rejected) for example in examples]
        rows = [*examples, *rejected]
        batch = self._batcher.seeing(rows)
        width, labels = batch.pop("logits_to_keep"), batch.pop("labels")
        mask = batch["attention_mask"].new_zeros(batch["input_ids"].shape)
        mask[:, -width:] = (labels != IGNORED).to(mask.dtype)
        if len(mask) == len(rows):
            return batch | {"completion_mask": mask}
        tokens = {name: values for name, values in batch.items() if values.shape == mask.shape}
        kept = {name: values[:-1] for name, values in tokens.items()}
        blank = {name: values[-1:] for name, values in tokens.items()}
        return batch | kept | {"completion_mask": mask[:-1], BLANK: blank}


def see_blanks(model: Any) -> None:
    """Have a model take the row of a blank picture, and say nothing of it.

    So the vision tower is at work in every process, and the loss of the pairs stays as it is: a
    pair more would count in its mean. See :meth:`vqatrain.batches.batch.Batcher.seeing`.

    Args:
        model: What TRL calls, with its own changes to ``forward``.
    """
    import torch

    forward = model.forward

    @functools.wraps(forward)  # ``generate`` looks at the names of the arguments
    def seeing(*given: Any, blank: dict[str, Any] | None = None, **inputs: Any) -> Any:
        if blank is None:
            return forward(*given, **inputs)
        row = blank | {"labels": torch.full_like(blank["input_ids"], IGNORED)}
        said = forward(*given, **inputs | {n: torch.cat([inputs[n], row[n]]) for n in row})
        rows = len(inputs["input_ids"])
        return type(said)(**{name: _first(rows, value) for name, value in said.items()})

    model.forward = seeing


def _first(rows: int, value: Any) -> Any:
    """The first rows of what has a row more; anything else as it is."""
    if getattr(value, "ndim", 0) and len(value) == rows + 1:
        return value[:rows].clone()  # FSDP2 warns of views
    return value
