"""Picture rows as they are compared: what each shows, and the questions of the few that matter.

Pictures are some five times fewer than questions, and hardly any of them is met twice. So what a
row shows is told of all rows, and what is asked only of those that are chosen by it.
"""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING, Any, NamedTuple

from vqadata.shards.schema import narrowed

if TYPE_CHECKING:
    import pyarrow as pa

    from vqadata.groundwork.stretches import Mask

Questions = list[dict[str, Any]]
"""Some members of the questions of a row."""


class ShownRow(NamedTuple):
    """What a row shows."""

    split: str
    pictures: list[tuple[str | None, str | None]]
    """Digest and path of each of its pictures; one that is missing has no digest."""


def shown_rows(batch: pa.RecordBatch) -> list[ShownRow]:
    """What each row of a batch shows, without touching picture bytes."""
    facts, questions = batch.column("image_facts"), batch.column("questions")
    digests = facts.flatten().field("digest").to_pylist()
    paths = batch.column("images").flatten().field("path").to_pylist()
    pictures = list(zip(digests, paths, strict=True))
    bounds = (facts.offsets.to_numpy() - facts.offsets[0].as_py()).tolist()
    firsts = questions.offsets.to_numpy()[:-1] - questions.offsets[0].as_py()
    splits = questions.flatten().field("split").take(firsts).to_pylist()
    return [
        ShownRow(split or "", pictures[start:stop])
        for split, (start, stop) in zip(splits, pairwise(bounds), strict=True)
    ]


def questions_of(batch: pa.RecordBatch, rows: Mask, *names: str) -> list[tuple[int, Questions]]:
    """Some rows by their numbers, with some members of their questions."""
    import numpy as np
    import pyarrow as pa

    chosen = narrowed(batch.column("questions"), *names).filter(pa.array(rows))
    return list(zip(np.flatnonzero(rows).tolist(), chosen.to_pylist(), strict=True))
