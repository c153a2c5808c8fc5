"""PMC-VQA: multiple choice about figures of medical papers.

Origin: Zhang et al., 2023 (https://arxiv.org/abs/2305.10415);
https://github.com/xiaoman-zhang/PMC-VQA. Licence: CC BY-SA; the figures as PubMed Central states.
CSV files; the first version names the right choice by letter in ``Answer_label`` and by text in
``Answer``, the second by letter in ``Answer``. Choices begin with their letter (`` A:Liver``),
which is taken off. A caption is kept beside the record.

One raw row::

    Figure_path,Question,Answer,Choice A,Choice B,Choice C,Choice D,Answer_label
    PMC1064097_F1.jpg,What is shown?,The liver, A:The liver , B:The lung , C:A bone , D:A tumour ,A
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any, ClassVar

from vqadata.layouts.mapped_value import Value, as_text, choice_index
from vqadata.layouts.row_reading import Lost
from vqadata.layouts.row_source import RowSource
from vqadata.layouts.table import Table
from vqadata.layouts.typed import MISSING_FIELD, BadRecord, extra_json
from vqadata.ledger import Rejection
from vqadata.reading.json_scan import RawRecord
from vqadata.record import Row

LETTERS = "ABCD"

_LETTERED = re.compile(r"\s*[A-D]\s*:\s*(?P<text>.*?)\s*", re.DOTALL)


class PmcVqa(RowSource):
    """PMC-VQA: multiple choice about figures of medical papers, in CSV."""

    example: ClassVar[str] = "vqadata convert pmc-vqa train.csv --image-root figures -o shards"
    suffixes: ClassVar[tuple[str, ...]] = (".csv",)
    signs: ClassVar[frozenset[str]] = frozenset({"Figure_path", "Question", "Choice A"})
    picture_folders: ClassVar[tuple[str, ...]] = ("figures",)

    def rows(
        self, record: RawRecord, members: dict[str, Any], table: Table
    ) -> Sequence[Row | Lost]:
        """One question a row; see :class:`~vqadata.layouts.row_source.RowSource`."""
        figure, question = (_needed(record, members, name) for name in ("Figure_path", "Question"))
        choices = [_unlettered(str(members.get(f"Choice {letter}") or "")) for letter in LETTERS]
        correct = _correct(record, members, choices)
        right = None if correct is None else choices[correct]
        used = ("Figure_path", "Question", "split", *(f"Choice {letter}" for letter in LETTERS))
        rest = {name: value for name, value in members.items() if name not in used and value}
        return [
            {
                "image_path": figure,
                "text": question.strip(),
                "choices": choices,
                "correct_choice": correct,
                "given_answer": right,
                "answers": [] if right is None else [{"answer": right}],
                "split": members.get("split") or None,
                "extra": extra_json(rest),
            }
        ]


def _needed(record: RawRecord, members: dict[str, Any], name: str) -> str:
    if members.get(name):
        return as_text(Value(record.at(name), members[name]), "string")
    found = "an empty value" if name in members else "nothing"
    raise BadRecord(Rejection(MISSING_FIELD, record.at(name), found, f"the field {name!r}"))


def _correct(record: RawRecord, members: dict[str, Any], choices: list[str]) -> int | None:
    """The number of the right choice, by letter or by text."""
    for name in ("Answer_label", "Answer"):
        if said := members.get(name):
            text = as_text(Value(record.at(name), said), "string")
            return choice_index(Value(record.at(name), _unlettered(text)), choices)
    return None


def _unlettered(choice: str) -> str:
    """A choice without its letter.

    >>> _unlettered(" A:The liver "), _unlettered("The lung")
    ('The liver', 'The lung')
    """
    match = _LETTERED.fullmatch(choice)
    return match["text"] if match else choice.strip()
