"""VLFeedback: completions of several models to one question, each rated by GPT-4V.

Origin: Li et al., EMNLP 2024 (https://arxiv.org/abs/2410.09421);
https://huggingface.co/datasets/MMInstruction/VLFeedback. Licence: as its card says; it can be named
with ``--licence``. Parquet and Arrow, JSON and JSON lines.

The completion with the best mean rating is the answer, that with the worst one is the rejected one;
of equal ones the first. Where all are rated alike there is an answer and no rejected one. All
completions are kept in ``extra``, with their models, ratings and rationales.

Quirks: a rating may be ``N/A``, which does not count; ``datasets`` writes the list as an object of
lists.

One raw record::

    {"id": "svit-1", "prompt": "What is it?", "image": ..., "models": [...], "completions": [
        {"model": "llava", "response": "A cup.", "annotations": {
            "Helpfulness": {"Rating": "4", "Rationale": "..."}, ...}}, ...]}
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar, NamedTuple

from vqadata.converting.look import COLUMNAR, FileLook, Look
from vqadata.layouts.columnar_table import ColumnarTable, plain
from vqadata.layouts.mapped_value import is_nothing
from vqadata.layouts.messages import pictures
from vqadata.layouts.row_reading import Lost
from vqadata.layouts.row_source import RowSource
from vqadata.layouts.rows import image_columns
from vqadata.layouts.table import Table
from vqadata.layouts.typed import MISSING_FIELD, WRONG_TYPE, BadRecord, extra_json, json_type
from vqadata.ledger import Rejection
from vqadata.reading.json_scan import RawRecord
from vqadata.record import Row
from vqadata.steps import Recognition

LIST = "completions"
PICTURES = ("image", "images")
USED = ("id", "prompt", *PICTURES)


class Completion(NamedTuple):
    """One completion, with its mean rating."""

    response: str
    rating: float


class VlFeedback(RowSource):
    """VLFeedback: rated completions of one question; the best one is the answer."""

    example: ClassVar[str] = "vqadata convert vlfeedback VLFeedback/data -o shards"
    suffixes: ClassVar[tuple[str, ...]] = (".parquet", ".arrow", ".json", ".jsonl")
    signs: ClassVar[frozenset[str]] = frozenset({"prompt", LIST})

    @classmethod
    def recognise(cls, look: Look) -> Recognition:
        """Tell files by their rated completions."""
        files = tuple(file.path for file in look.files if cls.fits(file))
        why = "a prompt has completions with ratings"
        return Recognition(files, {"data": list(files)}, why) if files else Recognition()

    @classmethod
    def fits(cls, file: FileLook) -> bool:
        """Whether a prompt has completions with ratings."""
        said = [file.header] if file.form in COLUMNAR else file.records
        return cls.signs <= file.fields and any("Rating" in str(each.get(LIST)) for each in said)

    def open(self, file: Path) -> Table:
        """Open one file."""
        if file.suffix.lower() in (".parquet", ".arrow"):
            return ColumnarTable(file, keep_whole=self.keep_whole_records)
        return super().open(file)

    def rows(
        self, record: RawRecord, members: dict[str, Any], table: Table
    ) -> Sequence[Row | Lost]:
        """One question a record; see :class:`~vqadata.layouts.row_source.RowSource`."""
        prompt = members.get("prompt")
        if not isinstance(prompt, str):
            found = json_type(prompt) if "prompt" in members else "nothing"
            raise BadRecord(Rejection(WRONG_TYPE, record.at("prompt"), found, "string"))
        rated = list(_rated(record, members.get(LIST)))
        best = max(rated, key=lambda each: each.rating)
        worst = min(rated, key=lambda each: each.rating)
        rest = {name: plain(value) for name, value in members.items() if name not in USED}
        row: Row = {
            "text": prompt,
            "given_answer": best.response,
            "answers": [{"answer": best.response}],
            "rejected": [worst.response] if worst.rating < best.rating else [],
            **image_columns(_pictures(record, members, isinstance(table, ColumnarTable))),
            "extra": extra_json(rest),
        }
        identity = members.get("id")
        return [row if is_nothing(identity) else {"question_id": str(identity), **row}]


def _pictures(record: RawRecord, members: dict[str, Any], in_columns: bool) -> list[Any]:
    if not in_columns:
        return pictures(record, members, PICTURES)
    found = next((members[name] for name in PICTURES if members.get(name)), None)
    several = found if isinstance(found, list) else [found]
    return [picture for picture in several if picture is not None]


def _rated(record: RawRecord, given: Any) -> Iterator[Completion]:
    """The completions that have a rating.

    Raises:
        BadRecord: There is none, or one is not of the form.
    """
    found = 0
    for number, each in enumerate(_as_list(record, given)):
        place = record.at(f"{LIST}[{number}]")
        response = each.get("response") if isinstance(each, dict) else None
        if not isinstance(response, str):
            expected = "an object with a response"
            raise BadRecord(Rejection(WRONG_TYPE, place, json_type(each), expected))
        ratings = list(_ratings(each.get("annotations")))
        if ratings:
            found += 1
            yield Completion(response, sum(ratings) / len(ratings))
    if not found:
        why = Rejection(MISSING_FIELD, record.at(LIST), "no rating", "a rated completion")
        raise BadRecord(why)


def _as_list(record: RawRecord, given: Any) -> list[Any]:
    """The completions as a list; ``datasets`` writes an object of lists."""
    if isinstance(given, dict):
        lengths = {len(value) for value in given.values() if isinstance(value, list)}
        if len(lengths) == 1 and all(isinstance(value, list) for value in given.values()):
            return [
                dict(zip(given, values, strict=True))
                for values in zip(*given.values(), strict=True)
            ]
    if isinstance(given, list):
        return given
    found = "nothing" if given is None else json_type(given)
    raise BadRecord(Rejection(WRONG_TYPE, record.at(LIST), found, "list of completions"))


def _ratings(annotations: Any) -> Iterator[float]:
    """The ratings of one completion, those that are numbers."""
    for said in annotations.values() if isinstance(annotations, Mapping) else ():
        text = str(said.get("Rating") if isinstance(said, Mapping) else said).strip()
        if text.replace(".", "", 1).isdecimal():
            yield float(text)
