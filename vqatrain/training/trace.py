"""Which rows shaped a model: the rows of every step, in a chain of digests in the run folder.

``trace.jsonl`` begins with what the rows are (digest of the data, digest of ``rows.parquet``), then
has a line a step: its number, the row numbers of all processes, and the SHA-256 of the line before
and this one. A line that is changed, missing or moved breaks the chain; ``run.json`` holds its end.
``rows.parquet`` gives the question id of each row number.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from pydantic import BaseModel, Field

from vqadata.errors import OptionError, VqaDataError
from vqatrain.pace import FILE as CHECKPOINT_FILE
from vqatrain.pace import read_checkpoint

if TYPE_CHECKING:
    import polars as pl

    from vqatrain.batches.layout import Layout

FILE, ROWS_FILE, RUN_FILE = "trace.jsonl", "rows.parquet", "run.json"


class Step(NamedTuple):
    """A line of the trace."""

    number: int
    """0 is the first line, which says what the rows are."""
    entry: dict[str, Any]
    chain: str
    """Digest of this line and all before it."""


class Trace:
    """Writes the trace of a run.

    Args:
        folder: The run folder.
        layout: What is trained on.
    """

    def __init__(self, folder: Path, layout: Layout) -> None:
        """Know the run; nothing is written yet."""
        self._path, self._questions = folder / FILE, layout.schedule.questions
        self._order = layout.schedule.order
        self._step = len(self._order) // layout.steps
        self._chain = ""

    def begin(self, resume: Path | None) -> None:
        """Write the first line, or take over the steps before a checkpoint.

        Raises:
            VqaDataError: The checkpoint lies outside of its run, the chain is broken, or the data
                or the order are not those of the run.
        """
        rows = self._path.with_name(ROWS_FILE)
        self._questions.table.select("question_id").write_parquet(rows, compression="zstd")
        about = {
            "data": self._questions.shards.digest,
            "rows": hashlib.sha256(rows.read_bytes()).hexdigest(),
            "places_a_step": self._step,
        }
        lines = [] if resume is None else self._before(resume, about)
        self._path.write_text("", encoding="utf-8")
        for entry in lines or [about]:
            self._append(entry)

    def write(self, number: int, places: Sequence[int]) -> None:
        """Write a finished step.

        Args:
            number: Of the step; the first is 1.
            places: That all processes took.

        Raises:
            VqaDataError: They are not those of the step.
        """
        start = (number - 1) * self._step
        if sorted(places) != list(range(start, start + self._step)):
            raise VqaDataError(
                f"step {number}", f"places {sorted(places)[:4]}... of the order were trained on",
                f"{start} to {start + self._step - 1}", "This is a defect; please report it.",
            )  # fmt: skip
        self._append({"step": number, "rows": self._order.at(start, start + self._step)})

    def mark(self, checkpoint: Path) -> None:
        """Write beside a checkpoint what is needed to go on from it; it is whole then.

        Sizes of its files are noted: the trainer begins anew what it does not find.
        """
        files = {
            path.relative_to(checkpoint).as_posix(): path.stat().st_size
            for path in sorted(checkpoint.rglob("*"))
            if path.is_file()
        }
        about = {"places_a_step": self._step, "chain": self._chain, "files": files}
        (checkpoint / CHECKPOINT_FILE).write_text(json.dumps(about) + "\n", encoding="utf-8")

    @property
    def end(self) -> str:
        """Digest of the whole trace so far."""
        return self._chain

    def _append(self, entry: dict[str, Any]) -> None:
        self._chain = _link(self._chain, entry)
        with self._path.open("a", encoding="utf-8") as file:
            file.write(_line({**entry, "chain": self._chain}) + "\n")

    def _before(self, checkpoint: Path, about: dict[str, Any]) -> list[dict[str, Any]]:
        """The lines of the run up to a checkpoint, held against this run's data and order."""
        chain = read_checkpoint(checkpoint)["chain"]
        folder, found = checkpoint.parent.parent, []
        for step in read(folder):
            start = (step.number - 1) * self._step
            expected = (
                {"step": step.number, "rows": self._order.at(start, start + self._step)}
                if step.number
                else about
            )
            if step.entry != expected:
                raise VqaDataError(
                    f"--resume {checkpoint}", _other(step.entry, expected),
                    "the data and the order of the run", "Use the options that it began with.",
                )  # fmt: skip
            found.append(step.entry)
            if step.chain == chain:
                return found
        raise VqaDataError(
            str(folder / FILE), f"it does not hold the steps of {checkpoint.name}",
            "the trace of the run", "Leave checkpoints in the folder of their run.",
        )  # fmt: skip


def read(run: Path) -> Iterator[Step]:
    """The lines of a trace, each of which is checked.

    Raises:
        VqaDataError: There is no trace, or its chain is broken.
    """
    path, chain = run / FILE, ""
    if not path.is_file():
        raise VqaDataError(str(path), "no such file", "a run folder of vqatrain")
    with path.open(encoding="utf-8") as file:
        for number, line in enumerate(file):
            try:
                entry = json.loads(line)
                said = entry.pop("chain")
            except (ValueError, KeyError, AttributeError):
                said, entry = None, {}
            chain = _link(chain, entry)
            if said != chain or entry.get("step", 0) != number:
                raise VqaDataError(
                    f"{path}: line {number + 1}", "it does not follow from the line before",
                    "an unbroken chain", "The trace was changed, or lines are missing.",
                )  # fmt: skip
            yield Step(number, entry, chain)
    _check_end(run, chain)


class Traced(BaseModel):
    """What a trace says."""

    steps: int
    examples: int
    chain: str = Field(description="Digest of the whole trace.")
    found: list[str] | list[int] = Field(description="The rows of a step, or the steps of a row.")


def look_up(run: Path, step: int | None = None, row: str | None = None) -> Traced:
    """The question ids of a step, or the steps that a question took part in.

    The whole chain is checked, whatever is asked for.

    Raises:
        VqaDataError: The chain is broken, or there is no such step or row.
    """
    ids, wanted, found, count, last = None, set[int](), list[Any](), 0, Step(0, {}, "")
    for last in read(run):
        if ids is None:
            ids = _question_ids(run, last.entry["rows"])
            wanted = _numbers(ids, row, run)
            continue
        rows: list[int] = last.entry["rows"]
        count += len(rows)
        if last.number == step:
            found = [ids[number] for number in rows]
        elif not wanted.isdisjoint(rows):
            found.append(last.number)
    if step is not None and not 1 <= step <= last.number:
        raise OptionError("--step", f"{step}", f"a step from 1 to {last.number}")
    return Traced(steps=last.number, examples=count, chain=last.chain, found=found)


def _question_ids(run: Path, digest: str) -> pl.Series:
    import polars as pl

    path = run / ROWS_FILE
    if not path.is_file() or hashlib.sha256(path.read_bytes()).hexdigest() != digest:
        raise VqaDataError(str(path), "it was changed", "the rows of the trace")
    return pl.read_parquet(path)["question_id"]


def _numbers(ids: pl.Series, row: str | None, run: Path) -> set[int]:
    """Row numbers of a question id; ids may repeat over data sets."""
    found = set() if row is None else set((ids == row).arg_true().to_list())
    if row is not None and not found:
        raise OptionError("--row", f"{row}: not among the {len(ids):,} rows of {run}", "a row")
    return found


def _check_end(run: Path, chain: str) -> None:
    """Hold the end against ``run.json``, which a finished run has."""
    record = run / RUN_FILE
    if record.is_file() and json.loads(record.read_text(encoding="utf-8"))["trace"] != chain:
        raise VqaDataError(
            str(run / FILE), f"it ends otherwise than {RUN_FILE} says", "the whole trace",
            "The trace was changed, or lines are missing.",
        )  # fmt: skip


def _link(chain: str, entry: dict[str, Any]) -> str:
    return hashlib.sha256((chain + _line(entry)).encode()).hexdigest()


def _line(entry: dict[str, Any]) -> str:
    return json.dumps(entry, separators=(",", ":"))


def _other(found: dict[str, Any], expected: dict[str, Any]) -> str:
    """What differs, in a few words."""
    if "step" in found:
        return f"step {found['step']} of the run had other rows than it would have now"
    return "other " + ", ".join(key for key in expected if found.get(key) != expected[key])
