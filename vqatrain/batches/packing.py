"""Batches for the trainer, and several rows in one sequence.

In a packed sequence positions begin anew with each row, and no row sees another: transformers reads
the borders off the positions where no attention mask is given, and masks block by block, with every
attention implementation. So packed rows have the logits that they have alone; nothing is padded.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from vqadata.errors import OptionError
from vqatrain.batches.batch import IGNORED
from vqatrain.data import Example, Item
from vqatrain.models.family import Loaded

PLACES = "places"
"""Entry of a batch that names the places of the order it was made of."""


class Collator:
    """Makes a batch of what stands at some places.

    Args:
        make: Makes it of the examples.
    """

    def __init__(self, make: Callable[[Sequence[Example]], dict[str, Any]]) -> None:
        """Keep the maker."""
        self._make = make

    def __call__(self, items: Sequence[Item]) -> dict[str, Any]:
        """The batch, with its places."""
        batch = self._make([example for item in items for example in item.examples])
        return {**batch, PLACES: [item.place for item in items]}


class PackBatcher:
    """Makes one sequence of some rows.

    Args:
        make: Makes training batches of rows.
        loaded: The model.

    Raises:
        OptionError: The family cannot do it.
    """

    def __init__(self, make: Callable[[Sequence[Example]], dict[str, Any]], loaded: Loaded) -> None:
        """Keep the model for its configuration."""
        self._make, self._family, self._model = make, loaded.family, loaded.model
        if not self._family.packs:
            kind = loaded.model.config.model_type
            raise OptionError("--batching packed", f"{kind} is not packed", "--batching by-length")

    def __call__(self, examples: Sequence[Example]) -> dict[str, Any]:
        """A batch of one sequence.

        Returns:
            As of :meth:`vqatrain.batches.batch.Batcher.__call__` with ``position_ids`` instead of
            ``attention_mask``; ``logits_to_keep`` are the places of answers, and of the token
            before each.
        """
        import torch

        batch = self._make(examples)
        there = batch.pop("attention_mask").bool()
        labels, _ = batch.pop("labels"), batch.pop("logits_to_keep")
        answered = (labels != IGNORED).sum(1).tolist()
        ends = there.sum(1).cumsum(0).tolist()
        kept = [torch.arange(e - n - 1, e) for e, n in zip(ends, answered, strict=True)]
        named = [row[: n + 1] for row, n in zip(labels, answered, strict=True)]
        positions = self._family.positions(self._model, {**batch, "attention_mask": there.long()})
        pictures = self._family.pictures_in_one_row(batch)
        tokens = {
            name: values[there][None]
            for name, values in batch.items()
            if values.shape == there.shape
        }
        positions = positions[:, there][:, None]
        return {
            **batch, **pictures, **tokens,
            "position_ids": positions if len(positions) > 1 else positions[0],
            "labels": torch.cat(named)[None],
            "logits_to_keep": torch.cat(kept),
            "use_cache": False,  # with a cache the borders are not looked for
        }  # fmt: skip
