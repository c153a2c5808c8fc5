"""What changed between two versions of a data set: by row, by field, by picture, by reason.

Rows are compared by a digest of all their fields; only those that differ are read a second time,
some thousand at a time. So memory holds an index and no picture.
"""

from __future__ import annotations

import difflib
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from vqadata.errors import OptionError
from vqadata.shards.reader import Shards, open_shards
from vqadata.versions.fates import WHY, fates, reason_counts
from vqadata.versions.lineage import Otherwise, done_otherwise
from vqadata.versions.row_index import FIELDS, PLACE
from vqadata.versions.row_match import MatchedRows, match_rows, same_files

if TYPE_CHECKING:
    import polars as pl


@dataclass(frozen=True)
class _Named:
    """A row by its names."""

    question_id: str
    file: str
    """Where it stands in the source, as are index and part."""
    index: int
    part: int | None


@dataclass(frozen=True)
class OneSided(_Named):
    """A row that only one of two data sets holds."""

    why: dict[str, str | None] | None
    """What the ledger of the other one says: step, action, reason, evidence ...; or nothing."""


@dataclass(frozen=True)
class Changed(_Named):
    """A row that both hold, but not with the same values; its place is that in the second."""

    fields: dict[str, tuple[Any, Any]]
    """The old and the new value of each field that differs."""


class PictureChange(NamedTuple):
    """A picture that only one data set holds, or other bytes under the same name."""

    path: str | None
    """The first name under which it is shown."""
    a: str | None
    """Digest in the first data set; ``None`` if the picture was added."""
    b: str | None
    """Digest in the second data set; ``None`` if it was removed."""


class ReasonChange(NamedTuple):
    """A reason that one ledger gives more often than the other."""

    step: str
    action: str
    reason: str
    a: int
    b: int


@dataclass(frozen=True)
class Difference:
    """What changed from data set ``a`` to data set ``b``.

    Counts are at hand; rows are read when they are asked for, in the order of the shards.
    """

    a: Shards
    b: Shards
    rows: MatchedRows
    fields: dict[str, int]
    """Changed rows by field, in the order of the fields."""
    pictures: list[PictureChange]
    """Changed pictures, then removed, then added ones, each in the order of the shards."""
    ledger: list[ReasonChange]
    otherwise: list[Otherwise]
    """What was done otherwise to make them."""

    @property
    def counts(self) -> dict[str, int]:
        """Number of rows that were added, removed, changed, or are unchanged."""
        kinds = ("added", "removed", "changed")
        return {kind: len(getattr(self.rows, kind)) for kind in kinds} | {
            "unchanged": self.rows.unchanged
        }

    @property
    def equal(self) -> bool:
        """Whether rows, pictures and the reasons of the ledgers are equal.

        Only the history may differ then: other steps or versions, with the same outcome.
        """
        rows = sum(self.counts.values()) - self.rows.unchanged
        return not (rows or self.pictures or self.ledger)

    def added(self) -> Iterator[OneSided]:
        """Rows that only ``b`` holds, with what the ledger of ``a`` says of them."""
        return _one_sided(self._added)

    def removed(self) -> Iterator[OneSided]:
        """Rows that only ``a`` holds, with what the ledger of ``b`` says of them."""
        return _one_sided(self._removed)

    def changed(self) -> Iterator[Changed]:
        """Rows that both hold, with the values that differ."""
        for rows, ours, theirs in self.rows.changed_values():
            differs = _differing(ours, theirs)
            places = rows.select("question_id", *PLACE).iter_rows()
            frames = (
                frame.select(differs.columns).iter_rows(named=True)
                for frame in (differs, ours, theirs)
            )
            for (name, file, index, part), which, old, new in zip(places, *frames, strict=True):
                fields = {field: (old[field], new[field]) for field in which if which[field]}
                yield Changed(name, file, index, part, fields)

    @property
    def reasons(self) -> dict[str, dict[str, int]]:
        """Number of ``added`` and ``removed`` rows by what the other ledger says of them."""
        return {"added": _reasons(self._added), "removed": _reasons(self._removed)}

    @cached_property
    def _added(self) -> pl.DataFrame:
        return fates(self.a, self.rows.added.select("question_id", *PLACE))

    @cached_property
    def _removed(self) -> pl.DataFrame:
        return fates(self.b, self.rows.removed.select("question_id", *PLACE))


def diff(a: Path | str, b: Path | str, fields: Sequence[str] = ()) -> Difference:
    """Compare two data sets.

    Args:
        a: A finished folder of shards.
        b: Another one.
        fields: Compare rows by these only: fields of a record, or ``pictures`` for the bytes of its
            pictures; all by default.

    Raises:
        OptionError: There is no such field.
        ShardError: A folder cannot be read.
    """
    for name in fields:
        if name not in FIELDS:
            near = difflib.get_close_matches(name, FIELDS, 1)
            remedy = f"Did you mean {near[0]}?" if near else "Check the spelling."
            known = f"one of {', '.join(FIELDS)}"
            raise OptionError(f"--field {name}", "no such field", known, remedy)
    ours, theirs = open_shards(a), open_shards(b)
    rows = match_rows(ours, theirs, fields or FIELDS)
    return Difference(
        ours, theirs, rows,
        fields=_field_counts(rows),
        pictures=[] if same_files(ours, theirs) else _picture_changes(rows),
        ledger=_reason_changes(ours, theirs),
        otherwise=done_otherwise(ours.manifest, theirs.manifest),
    )  # fmt: skip


def _one_sided(rows: pl.DataFrame) -> Iterator[OneSided]:
    for row in rows.iter_rows(named=True):
        why = {name: row[name] for name in WHY} if row["reason"] is not None else None
        yield OneSided(row["question_id"], row["file"], row["index"], row["part"], why)


def _reasons(rows: pl.DataFrame) -> dict[str, int]:
    """Number of rows by step and reason, the most frequent first."""
    counted = rows.group_by("step", "action", "reason").len()
    ordered = sorted(counted.iter_rows(), key=lambda row: (-row[3], row[0] or "", row[2] or ""))
    return {
        f"{action} by {step}: {reason}" if reason else "not in the other ledger": count
        for step, action, reason, count in ordered
    }


def _differing(ours: pl.DataFrame, theirs: pl.DataFrame) -> pl.DataFrame:
    """Which rows differ, for each field that does; nested values are compared by digest."""
    import polars as pl

    differ = (ours[name].hash() != theirs[name].hash() for name in ours.columns)
    named = zip(ours.columns, differ, strict=True)
    return pl.DataFrame({name: rows for name, rows in named if rows.any()})


def _field_counts(rows: MatchedRows) -> dict[str, int]:
    counts: Counter[str] = Counter()
    for _, ours, theirs in rows.changed_values():
        counts.update(_differing(ours, theirs).sum().row(0, named=True))
    return {name: counts[name] for name in FIELDS if name in counts}


def _picture_changes(rows: MatchedRows) -> list[PictureChange]:
    import polars as pl

    ours, theirs = rows.a.pictures, rows.b.pictures
    removed = ours.join(theirs, on="digest", how="anti", maintain_order="left")
    added = theirs.join(ours, on="digest", how="anti", maintain_order="left")
    # A name that stands for several pictures does not say which one became which.
    one, other = (frame.filter(pl.col("path").is_unique()) for frame in (removed, added))
    changed = one.join(other, on="path", maintain_order="left", suffix="_b")
    removed = removed.filter(~pl.col("digest").is_in(changed["digest"].implode()))
    added = added.filter(~pl.col("digest").is_in(changed["digest_b"].implode()))
    return [
        *(PictureChange(*row) for row in changed.select("path", "digest", "digest_b").iter_rows()),
        *(PictureChange(path, digest, None) for path, digest in removed.iter_rows()),
        *(PictureChange(path, None, digest) for path, digest in added.iter_rows()),
    ]


def _reason_changes(a: Shards, b: Shards) -> list[ReasonChange]:
    ours, theirs = reason_counts(a), reason_counts(b)
    return [
        ReasonChange(*said, ours.get(said, 0), theirs.get(said, 0))
        for said in sorted(ours.keys() | theirs.keys())
        if ours.get(said) != theirs.get(said)
    ]
