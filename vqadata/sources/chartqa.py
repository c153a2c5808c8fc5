"""ChartQA: questions about charts, written by people (human) or made from summaries (augmented).

Origin: Masry et al., Findings of ACL 2022 (https://arxiv.org/abs/2203.10244);
https://github.com/vis-nlp/ChartQA. Licence: GPL-3.0. Records have no ids; files are called
``<split>_human.json`` and ``<split>_augmented.json``: which of them a row is from, its origin says.
Pictures lie in ``png`` beside them. Some answers are lists written as text (``[14, 16]``); the
metric (relaxed accuracy) compares the text, so it is left as it is.

One raw record::

    {"imgname": "41699051005347.png", "label": "14",
     "query": "How many food item is shown in the bar graph?"}
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

import msgspec

from vqadata.layouts.row_reading import Lost
from vqadata.layouts.row_source import RowSource
from vqadata.layouts.rows import answer_columns
from vqadata.layouts.table import Table
from vqadata.layouts.typed import extra_json, typed_members
from vqadata.reading.json_scan import RawRecord
from vqadata.record import Row


class Raw(msgspec.Struct):
    """The members of a record that have a column."""

    query: str
    imgname: str
    label: str | int | float | None = None


class ChartQa(RowSource):
    """ChartQA: questions about charts, human and augmented."""

    example: ClassVar[str] = (
        "vqadata convert chartqa train/train_human.json train/train_augmented.json "
        "--image-root train/png -o shards"
    )
    signs: ClassVar[frozenset[str]] = frozenset({"imgname", "query"})
    picture_folders: ClassVar[tuple[str, ...]] = ("png",)

    def rows(
        self, record: RawRecord, members: dict[str, Any], table: Table
    ) -> Sequence[Row | Lost]:
        """One question a record; see :class:`~vqadata.layouts.row_source.RowSource`."""
        raw, extra = typed_members(record, members, Raw)
        return [
            {
                "image_path": raw.imgname,
                "text": raw.query,
                **answer_columns(record, "label", raw.label),
                "extra": extra_json(extra),
            }
        ]
