"""Which questions of a data set must stay together, because their pictures are the same.

Questions belong together if they share a picture, directly or through others that do. Pictures are
the same if their bytes are, under whatever names; a picture that is missing is known by its name.
The turns of one conversation stay together too, and a question without picture or conversation
stands alone.
"""

from __future__ import annotations

from collections.abc import Iterable
from itertools import pairwise
from typing import TYPE_CHECKING, NamedTuple

from vqadata.groundwork.grouping import group_members
from vqadata.shards.reader import TEXT, Shards

if TYPE_CHECKING:
    import pyarrow as pa

    from vqadata.groundwork.spill import Numbers

NO_GROUP = -1
"""Group of a question of another split."""

Pairs = list[tuple[str, str]]


class PictureGroups(NamedTuple):
    """The groups of a data set."""

    of_question: Numbers
    """Number of the group of each question, in reading order; :data:`NO_GROUP` if it has none."""
    names: list[str]
    """What names each group whatever else is in the data: the smallest digest of its pictures."""
    shared: int
    """Pictures that questions without a group show too."""


def picture_groups(
    shards: Shards, within: str | None = None, alike: Iterable[tuple[str, str]] = ()
) -> PictureGroups:
    """Group the questions of a data set. Memory holds one digest a picture, one number a question.

    Args:
        shards: The data set.
        within: Group the questions of this split only.
        alike: Digests of pictures that must stay together though their bytes differ, in pairs.

    Raises:
        ShardError: A shard is damaged.
    """
    import numpy as np

    numbers: dict[str, int] = {}
    keys_of, pairs, apart = [np.empty(0, np.int64)], list(alike), set[str]()
    for split, batch in shards.split_batches(TEXT):
        pictures = picture_keys(batch)
        if within in (None, split):
            keys, linked = _question_keys(batch, pictures)
            keys_of.append(np.array([numbers.setdefault(k, len(numbers)) for k in keys], np.int64))
            pairs += linked
        else:
            apart.update(key for row in pictures for key in row)
            count = len(batch.column("questions").flatten())
            keys_of.append(np.full(count, NO_GROUP, np.int64))
    for pair in pairs:
        for key in pair:
            numbers.setdefault(key, len(numbers))
    roots, names = _named(numbers, pairs)
    of_key = np.append(roots, NO_GROUP)  # so that NO_GROUP finds itself
    return PictureGroups(of_key[np.concatenate(keys_of)], names, len(apart & numbers.keys()))


def picture_keys(batch: pa.RecordBatch) -> list[list[str]]:
    """What names the pictures of each row: the digest, or the name of a picture that is missing.

    Digests begin with a hexadecimal digit, all other keys with a later letter, so that the smallest
    key of a group is a digest if there is one.
    """
    import pyarrow.compute as pc

    facts = batch.column("image_facts")
    paths = pc.struct_field(pc.list_flatten(facts), "path").to_pylist()
    digests = pc.struct_field(pc.list_flatten(facts), "digest").to_pylist()
    flat = zip(digests, paths, strict=True)
    found = iter([digest or (path and f"name {path}") for digest, path in flat])
    counts = pc.list_value_length(facts).to_pylist()
    return [[key for _ in range(count) if (key := next(found))] for count in counts]


def _question_keys(batch: pa.RecordBatch, pictures: list[list[str]]) -> tuple[list[str], Pairs]:
    """One key of each question, and the pairs of keys that belong together."""
    import pyarrow as pa
    import pyarrow.compute as pc

    questions = batch.column("questions")
    flat = pc.list_flatten(questions)
    first = pa.array([keys[0] if keys else None for keys in pictures], pa.string())
    file = pc.struct_field(flat, ["origin", "file"])
    dialog, own = (
        pc.binary_join_element_wise(kind, file, pc.struct_field(flat, name), " ")
        for kind, name in (("talk", "dialog_id"), ("turn", "question_id"))
    )
    keys = pc.coalesce(first.take(pc.list_parent_indices(questions)), dialog, own).to_pylist()
    pairs = [pair for row in pictures for pair in pairwise(row)]
    pairs += [pair for pair in zip(keys, dialog.to_pylist(), strict=True) if pair[1] is not None]
    return keys, pairs


def _named(numbers: dict[str, int], pairs: Pairs) -> tuple[Numbers, list[str]]:
    """The group of each key, and the name of each group: its smallest key."""
    import numpy as np

    ordered = sorted(numbers)
    place = np.empty(len(ordered), np.int64)
    place[[numbers[key] for key in ordered]] = np.arange(len(ordered))
    ends = np.array([[numbers[key] for key in pair] for pair in pairs], np.int64).reshape(-1, 2)
    roots = group_members(len(ordered), place[ends[:, 0]], place[ends[:, 1]])
    kept, groups = np.unique(roots, return_inverse=True)
    return groups[place], [ordered[root] for root in kept]
