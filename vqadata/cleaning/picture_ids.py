"""Ids under which the same picture is known in several data sets.

COCO numbers its pictures once for all releases: ``COCO_val2014_000000000042.jpg`` of 2014 and
``000000000042.jpg`` of 2017 are one picture, and VQA v1 and v2, OK-VQA, A-OKVQA and RefCOCO use
them. Visual Genome has numbers of its own, which GQA and Visual7W use; 51,208 of its 108,077
pictures are COCO's, and ``coco_id`` in ``image_data.json`` says which.
"""

from __future__ import annotations

import json
from array import array
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any

from vqadata.cleaning.shown_rows import questions_of
from vqadata.groundwork.digests import text_key
from vqadata.groundwork.id_index import IdIndex
from vqadata.images.resolve import COCO_NAME

if TYPE_CHECKING:
    import pyarrow as pa

    from vqadata.groundwork.stretches import Mask

OF_VISUAL_GENOME = frozenset({"visual-genome", "gqa", "visual7w"})
"""Sources whose picture ids are numbers of Visual Genome; GQA's own begin with a letter."""


class SharedIds:
    """Takes ids with the pictures that have them, and knows which of them several have.

    Args:
        scratch: Folder for temporary files; without it all stays in memory.

    Attributes:
        shared: The ids of several pictures.
    """

    def __init__(self, scratch: Path | None = None) -> None:
        """Have met none."""
        self.shared: set[str] = set()
        self._met, self._pictures = IdIndex(scratch), array("Q")
        """A number of the picture of each mention."""

    def add(self, mentions: Sequence[tuple[str, str]]) -> None:
        """Take ids, each with the digest of a picture."""
        import numpy as np
        import pyarrow as pa

        ids = np.fromiter((text_key(each) for each, _ in mentions), np.uint64)
        numbers = np.arange(len(self._pictures), len(self._pictures) + len(mentions))
        self._pictures.extend([text_key(digest) for _, digest in mentions])
        first = self._met.add(pa.array(ids.view(np.int64)), numbers)
        for (each, _), number, met in zip(mentions, numbers.tolist(), first.tolist(), strict=True):
            if self._pictures[met] != self._pictures[number]:
                self.shared.add(each)


def known_ids(path: str, question: dict[str, Any]) -> set[str]:
    """The ids of a picture, such as ``coco 42`` or ``visual-genome 2335839``.

    Args:
        path: Of the picture, as the record names it.
        question: A record about it, of which it is the only picture.
    """
    ids = _ids_of_path(path)
    if question["origin"]["source"] in OF_VISUAL_GENOME:
        number = (question["image_id"] or PurePosixPath(path).stem).removeprefix("v7w_")
        if number.isdigit() and not ids:
            ids.add(f"visual-genome {int(number)}")
    extra = question["extra"]
    if extra and '"coco_id"' in extra:
        told = json.loads(extra).get("coco_id")
        if isinstance(told, int) or (isinstance(told, str) and told.isdigit()):
            ids.add(f"coco {int(told)}")
    return ids


def ids_of_rows(batch: pa.RecordBatch, names: Sequence[Sequence[str]]) -> list[set[str]]:
    """The ids of the picture of each row; none where it shows several, or nothing.

    Args:
        batch: Picture rows.
        names: Paths of the pictures of each row.
    """
    found = [_ids_of_path(paths[0]) if len(paths) == 1 else set() for paths in names]
    for row, questions in questions_of(batch, _telling(batch), "image_id", "origin", "extra"):
        if len(names[row]) == 1:
            found[row] = set().union(*(known_ids(names[row][0], each) for each in questions))
    return found


def _telling(batch: pa.RecordBatch) -> Mask:
    """Rows whose questions may tell more of a picture than its name does."""
    import numpy as np
    import pyarrow as pa
    import pyarrow.compute as pc

    questions = batch.column("questions")
    asked = questions.flatten()
    source = pc.is_in(asked.field("origin").field("source"), pa.array(sorted(OF_VISUAL_GENOME)))
    extra = pc.match_substring(asked.field("extra"), '"coco_id"').fill_null(False)
    telling = np.zeros(len(batch), bool)
    telling[pc.list_parent_indices(questions).filter(pc.or_(source, extra)).to_numpy()] = True
    return telling


@lru_cache(maxsize=1024)
def _coco_id(path: str) -> str | None:
    """The id that a picture's name says; the questions of a picture ask one after the other."""
    coco = COCO_NAME.fullmatch(PurePosixPath(path).name)
    return f"coco {int(coco['number'])}" if coco else None


def _ids_of_path(path: str) -> set[str]:
    return {coco} if (coco := _coco_id(path)) else set()
