"""The hearing: all cleaners judge the rows of a batch, and what they say is done and written down.

The ledger takes what becomes of rows, the findings take everything. A picture that is to be masked
is written anew after all have judged, so that each cleaner sees the pictures that were examined.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any, NamedTuple, Self

from vqadata.cleaning.findings import FindingsFile
from vqadata.groundwork.digests import bytes_digest
from vqadata.images.checks import renamed, right_suffix
from vqadata.images.header import read_header
from vqadata.images.view import View
from vqadata.ledger import Action, Ledger
from vqadata.record import batched
from vqadata.shards.manifest import FINDINGS, LEDGER
from vqadata.shards.schema import rows_with, with_pictures
from vqadata.steps import Cleaner, Verdict, VerdictAction

if TYPE_CHECKING:
    import pyarrow as pa

    from vqadata.groundwork.spill import Numbers

ACTIONS: dict[VerdictAction, Action] = {"drop": "dropped", "flag": "flagged", "mask": "masked"}
"""What the ledger calls what a verdict asks for."""

NOTED_TOGETHER = 1000
"""Questions that are in memory as Python objects while the ledger takes note of them."""


class _Mask(NamedTuple):
    """A picture to write anew."""

    cleaner: Cleaner
    row: int
    """Of the batch as it came."""
    image: int


class Hearing:
    """Has batches judged, in shard order.

    Args:
        cleaners: The cleaners in working order; each has decided.
        folder: Where the ledger and the findings are written.
        report_only: Drop and mask nothing: flag what would be.

    Attributes:
        ledger: The account of rows.
        findings: All that was said.
    """

    def __init__(
        self, cleaners: Sequence[Cleaner], folder: Path, report_only: bool = False
    ) -> None:
        """Create both files."""
        self.ledger = Ledger(folder / LEDGER, "clean")
        self.findings = FindingsFile(folder / FINDINGS)
        self._cleaners, self._report_only = cleaners, report_only

    def __enter__(self) -> Self:
        """Use as a context."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close the findings; the ledger is closed with the folder."""
        self.findings.close()

    def hear(self, split: str, batch: pa.RecordBatch) -> pa.RecordBatch:
        """The rows of a batch that are left after all cleaners, with masked pictures."""
        import numpy as np

        rows, left, masks = np.arange(batch.num_rows), batch, list[_Mask]()
        for cleaner in self._cleaners:
            self.ledger.step = cleaner.step_name()
            verdicts = list(cleaner.judge(left))
            if self._report_only:
                verdicts = [verdict._replace(action="flag") for verdict in verdicts]
            if verdicts:
                masks += [_Mask(cleaner, int(rows[v.row]), v.image)
                          for v in verdicts if v.action == "mask"]  # fmt: skip
                left, stay = self._apply(split, left, verdicts)
                rows = rows[stay]
        left = _mended(left, masks, {int(row): place for place, row in enumerate(rows)})
        self.ledger.keep(left.column("questions").flatten().field("origin"))
        return left

    def _apply(
        self, split: str, batch: pa.RecordBatch, verdicts: list[Verdict]
    ) -> tuple[pa.RecordBatch, Numbers]:
        """Note the verdicts and take away what was dropped; a picture without questions goes too.

        Returns:
            The rows that are left, and their numbers in ``batch``.
        """
        import numpy as np
        import pyarrow.compute as pc

        questions, rows = batch.column("questions"), _Rows(batch)
        flat, stay = questions.flatten(), np.ones(len(questions.flatten()), bool)
        noted: list[tuple[Verdict, int]] = []
        for verdict in verdicts:
            places = [p for p in rows.places(verdict) if verdict.action != "drop" or stay[p]]
            self._find(split, verdict, rows, len(places))
            if verdict.severity != "info" or verdict.action != "flag":
                noted += [(verdict, place) for place in places]
            if verdict.action == "drop":
                stay[places] = False
        self._note(noted, flat)
        parents = pc.list_parent_indices(questions).to_numpy()[stay]
        return rows_with(batch, flat.filter(stay), parents), np.unique(parents)

    def _note(self, noted: list[tuple[Verdict, int]], questions: pa.StructArray) -> None:
        """Write down what becomes of some questions; to take them out one by one costs far more."""
        import pyarrow as pa

        for some in batched(noted, NOTED_TOGETHER):
            records = questions.take(pa.array([place for _, place in some], pa.int64()))
            for (verdict, _), record in zip(some, records.to_pylist(), strict=True):
                self.ledger.note_record(ACTIONS[verdict.action], verdict.why, record)

    def _find(self, split: str, verdict: Verdict, rows: _Rows, count: int) -> None:
        why = verdict.why
        said = [why.found, f"expected {why.expected}" if why.expected else None, why.evidence]
        digest, path = rows.picture(verdict)
        self.findings.add(
            {
                "step": self.ledger.step,
                "code": why.reason,
                "severity": verdict.severity,
                "action": verdict.action,
                "digest": digest,
                "path": path,
                "split": split,
                "question_id": rows.question_id(verdict),
                "questions": count,
                "evidence": "; ".join(filter(None, said)) or None,
                "details": verdict.details,
            }
        )


class _Rows:
    """What verdicts on a batch are about."""

    def __init__(self, batch: pa.RecordBatch) -> None:
        questions, images = batch.column("questions"), batch.column("images")
        self._questions = _offsets(questions)
        self._images = _offsets(images)
        self._ids = questions.flatten().field("question_id")
        self._paths = images.flatten().field("path")
        self._digests = batch.column("image_facts").flatten().field("digest")

    def places(self, verdict: Verdict) -> range:
        """The questions, as numbers in the batch."""
        start, stop = int(self._questions[verdict.row]), int(self._questions[verdict.row + 1])
        if verdict.question is None:
            return range(start, stop)
        return range(start + verdict.question, start + verdict.question + 1)

    def picture(self, verdict: Verdict) -> tuple[str | None, str | None]:
        """Digest and path of the picture; a row of text alone has none."""
        place = int(self._images[verdict.row]) + verdict.image
        if place >= self._images[verdict.row + 1]:
            return None, None
        return self._digests[place].as_py(), self._paths[place].as_py()

    def question_id(self, verdict: Verdict) -> str | None:
        """The question's id, if it is about one."""
        return None if verdict.question is None else self._ids[self.places(verdict)[0]].as_py()


def _offsets(lists: pa.ListArray) -> Numbers:
    offsets: Numbers = lists.offsets.to_numpy()
    first: int = lists.offsets[0].as_py()
    return offsets - first


def _mended(
    batch: pa.RecordBatch, masks: Sequence[_Mask], places: dict[int, int]
) -> pa.RecordBatch:
    """The batch with masked pictures written anew; ``places`` tells where its rows are now."""
    wanted = [mask for mask in masks if mask.row in places]
    if not wanted:
        return batch
    images, facts = batch.column("images").to_pylist(), batch.column("image_facts").to_pylist()
    for cleaner, row, image in wanted:
        here, fact = images[places[row]][image], facts[places[row]][image]
        data = cleaner.mend(View(here["path"], fact["digest"], here["bytes"]))
        had, new = fact["format"], _facts(data)
        here["bytes"], here["path"] = data, _named(here["path"], had, new["format"])
        fact.update(new)
    return with_pictures(batch, images, facts)


def _named(path: str, had: str | None, now: str | None) -> str:
    """The name of a picture that has another format now; one that was wrong before stays so."""
    suffix = PurePosixPath(path).suffix
    if right_suffix(now, suffix) or not right_suffix(had, suffix):
        return path
    return renamed(path, now)


def _facts(data: bytes) -> dict[str, Any]:
    return {"digest": bytes_digest(data), "bytes": len(data), **read_header(data)._asdict()}
