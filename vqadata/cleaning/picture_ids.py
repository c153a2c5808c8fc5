"""Ids under which the same picture is known in several data sets.

COCO numbers its pictures once for all releases: ``COCO_val2014_000000000042.jpg`` of 2014 and
``000000000042.jpg`` of 2017 are one picture, and VQA v1 and v2, OK-VQA, A-OKVQA and RefCOCO use
them. Visual Genome has numbers of its own, which GQA and Visual7W use; 51,208 of its 108,077
pictures are COCO's, and ``coco_id`` in ``image_data.json`` says which.
"""

from __future__ import annotations

import json
from functools import lru_cache
from pathlib import PurePosixPath
from typing import Any

from vqadata.images.resolve import COCO_NAME

OF_VISUAL_GENOME = frozenset({"visual-genome", "gqa", "visual7w"})
"""Sources whose picture ids are numbers of Visual Genome; GQA's own begin with a letter."""


def known_ids(path: str, question: dict[str, Any]) -> set[str]:
    """The ids of a picture, such as ``coco 42`` or ``visual-genome 2335839``.

    Args:
        path: Of the picture, as the record names it.
        question: A record about it, of which it is the only picture.
    """
    ids = set()
    if coco := _coco_id(path):
        ids.add(coco)
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


@lru_cache(maxsize=1024)
def _coco_id(path: str) -> str | None:
    """The id that a picture's name says; the questions of a picture ask one after the other."""
    coco = COCO_NAME.fullmatch(PurePosixPath(path).name)
    return f"coco {int(coco['number'])}" if coco else None
