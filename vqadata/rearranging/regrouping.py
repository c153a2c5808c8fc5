"""Moves rows so that pictures that are the same lie in one split: leaks are mended, no row is lost.

What ``clean`` found is taken at its word: leaks between splits and near-duplicates within them, as
``findings.parquet`` names them, beside pictures of the same bytes. Questions that hang together by
such pictures, directly or through others, form a group
(:mod:`vqadata.rearranging.picture_groups`). A group that lies in several splits goes as a whole to
the one that must most be unseen (:func:`vqadata.cleaning.leaks.split_rank`): a picture that was
trained on once becomes unseen by leaving ``train``, and no test is made smaller. A group that
another data set has (``--against``) goes to a split of its own, since that data set is never
touched.

Each moved row is in the ledger, flagged as ``moved``, with both splits and the reason; the split
that the source named stays in ``extra``.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Literal, NamedTuple

from pydantic import BaseModel, ConfigDict, Field

from vqadata.cleaning.leaks import KINDS, split_rank
from vqadata.converting.conversion import OutputOptions, step_entry
from vqadata.errors import OptionError, ShardError
from vqadata.ledger import Ledger, Rejection
from vqadata.rearranging.picture_groups import Pairs, picture_groups, picture_keys
from vqadata.rearranging.resharding import STAYS, Plan, reshard
from vqadata.rearranging.rewriting import refuse_input, rewrite
from vqadata.shards.manifest import FINDINGS, Manifest
from vqadata.shards.reader import TEXT, Shards, file_at, open_shards

if TYPE_CHECKING:
    import pyarrow as pa

    from vqadata.groundwork.spill import Numbers

MOVED = "moved"
"""Reason of the ledger's entries."""

ALIKE = (*KINDS, "near-duplicate-picture")
"""Codes of findings that say of two pictures that they are the same."""

LEVELS: dict[str, set[str | None]] = {
    "bytes": {None},
    "certain": {None, "certain"},
    "likely": {None, "certain", "likely"},
}
"""Which levels of likeness count, by the option; pictures of equal bytes or of one id have none."""


class RegroupOptions(BaseModel):
    """How rows are moved."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    alike: Literal["bytes", "certain", "likely"] = Field(
        "likely",
        description="Which pictures are the same: those of equal bytes or of one id; also edits "
        "that are certain; also edits that are likely.",
    )
    aside: str = Field(
        "leaked",
        pattern=r"^\w[\w.-]*$",
        description="Split for rows whose picture a data set of --against has.",
        json_schema_extra={"metavar": "SPLIT"},
    )


class RegroupOutcome(NamedTuple):
    """A data set whose splits have no picture in common."""

    manifest: Manifest
    moved: dict[tuple[str, str], int]
    """Rows by their old and their new split."""
    groups: int
    """Groups that were moved, each as a whole."""
    largest: int
    """Rows of the largest of them, in all its splits."""


class _Same(NamedTuple):
    """What the findings say of pictures that are the same."""

    pairs: Pairs
    elsewhere: list[str]
    """Pictures that another data set has."""
    words: dict[str, str]
    """What was said of a picture that leaks."""


def regroup(
    shards: Path | str,
    out: Path | str,
    how: RegroupOptions | None = None,
    options: OutputOptions | None = None,
) -> RegroupOutcome:
    """Move rows so that no two splits have a picture in common.

    Args:
        shards: A folder that was cleaned with ``leakage``.
        out: Output folder, or a URL; must be new, empty or unfinished.
        how: Which pictures are the same.
        options: How to write.

    Returns:
        The manifest of the finished folder, and what was moved.

    Raises:
        VqaDataError: ``shards`` cannot be read, or leaks were not looked for in them. Nothing that
            looks complete is left in ``out``.
    """
    how, options = how or RegroupOptions(), options or OutputOptions()
    before = open_shards(shards)
    _check(before, out, how)
    same = _same(before, how)
    names = [*_in_order(before.manifest.splits), how.aside]
    parts, old, of_group = _parts(before, same, names)
    step = step_entry("regroup", "by-picture", how, options, before.digest)

    def rows(folder: Path, ledger: Ledger) -> Iterator[tuple[str, pa.RecordBatch]]:
        _note(before, ledger, same, names, parts)
        yield from reshard(before, Plan(_stays(parts, old), names, keeps_names=True), folder)

    manifest = rewrite(before, out, step, options, rows)
    return _outcome(manifest, names, parts, old, of_group)


def _check(before: Shards, out: Path | str, how: RegroupOptions) -> None:
    refuse_input(before, out)
    steps = before.manifest.steps
    last = {step.name for step in steps if step.parent == steps[-1].parent}
    if "leakage" not in last:
        raise OptionError(
            str(before.where), "leaks were not looked for by the last command on it",
            "a folder that was cleaned with leakage",
            f"Run: vqadata clean {before.where} -o OTHER, and regroup OTHER.",
        )  # fmt: skip
    if how.aside in before.manifest.splits:
        found = "the name of a split that is there"
        raise OptionError(f"--aside {how.aside}", found, "a new name", "Choose another one.")


def _in_order(splits: Mapping[str, int]) -> list[str]:
    """The splits by how much they must be unseen: of one kind, the smaller one comes later."""
    return sorted(splits, key=lambda split: (split_rank(split), -splits[split], split))


def _same(before: Shards, how: RegroupOptions) -> _Same:
    """Read which pictures the findings call the same."""
    import polars as pl

    same, levels = _Same([], [], {}), LEVELS[how.alike]
    if (path := file_at(before.where, FINDINGS)) is None:
        raise ShardError(str(before.where), f"no {FINDINGS}", "what clean found", "Clean again.")
    told = pl.scan_parquet(path).filter(
        pl.col("code").is_in(ALIKE), pl.col("question_id").is_null()
    )
    rows = told.select("code", "digest", "path", "evidence", "details").collect()
    for code, digest, name, evidence, text in rows.iter_rows():
        details, key = json.loads(text), _key(digest, name)
        first = {"level": details.get("level"), **details["other"]}
        for other in (first, *details.get("also", ())):
            if other.get("level") not in levels:
                continue
            if code in KINDS:
                same.words.setdefault(key, f"{code}: {evidence}")
            if other.get("set"):
                same.elsewhere.append(key)
            else:
                same.pairs.append((key, _key(other["digest"], other["path"])))
    return same


def _key(digest: str | None, path: str) -> str:
    """What :func:`vqadata.rearranging.picture_groups.picture_keys` calls a picture."""
    return digest if digest and not digest.startswith("missing ") else f"name {path}"


def _parts(before: Shards, same: _Same, names: list[str]) -> tuple[Numbers, Numbers, Numbers]:
    """The new and the old split of each question, and its group, as numbers."""
    import numpy as np

    groups = picture_groups(before, alike=same.pairs)
    number = {name: n for n, name in enumerate(names)}
    old = np.empty(len(groups.of_question), np.int64)
    best = np.full(len(groups.names), -1)
    elsewhere, start = set(same.elsewhere), 0
    for split, batch in before.split_batches(TEXT):
        rows = batch.column("questions").value_lengths().to_numpy()
        old[start : start + rows.sum()] = number[split]
        away = [not elsewhere.isdisjoint(keys) for keys in picture_keys(batch)]
        wanted = np.where(np.repeat(away, rows), number[names[-1]], number[split])
        np.maximum.at(best, groups.of_question[start : start + rows.sum()], wanted)
        start += int(rows.sum())
    return best[groups.of_question], old, groups.of_question


def _stays(parts: Numbers, old: Numbers) -> Numbers:
    """The parts, where splits that no row leaves or enters stay as they are."""
    import numpy as np

    moved = parts != old
    touched = np.union1d(parts[moved], old[moved])
    found: Numbers = np.where(np.isin(parts, touched), parts, STAYS)
    return found


def _note(before: Shards, ledger: Ledger, same: _Same, names: list[str], parts: Numbers) -> None:
    """Write down each row that moves, with both splits and what was found."""
    import numpy as np
    import pyarrow as pa
    import pyarrow.compute as pc

    start = 0
    for split, batch in before.split_batches(TEXT):
        nested = batch.column("questions")
        questions, rows = nested.flatten(), pc.list_parent_indices(nested).to_numpy()
        to = parts[start : start + len(questions)]
        start += len(questions)
        chosen = np.flatnonzero(to != names.index(split))
        if not len(chosen):
            continue
        said = [
            next((same.words[key] for key in keys if key in same.words), None)
            for keys in picture_keys(batch)
        ]
        goal = [names[part] for part in to[chosen].tolist()]
        why = [
            said[row] or f"a picture of its group is in {name}, too"
            for row, name in zip(rows[chosen].tolist(), goal, strict=True)
        ]
        records = pa.RecordBatch.from_struct_array(questions.take(pa.array(chosen)))
        reason = Rejection(MOVED, "split", split or None)
        own = {"expected": pa.array(goal, pa.string()), "evidence": pa.array(why, pa.string())}
        ledger.note_records("flagged", reason, records, **own)


def _outcome(
    manifest: Manifest, names: list[str], parts: Numbers, old: Numbers, of_group: Numbers
) -> RegroupOutcome:
    import numpy as np

    moved = parts != old
    pairs = zip(old[moved].tolist(), parts[moved].tolist(), strict=True)
    counts = Counter((names[one], names[two]) for one, two in pairs)
    groups = np.unique(of_group[moved])
    sizes = np.bincount(of_group)[groups]
    return RegroupOutcome(
        manifest, dict(sorted(counts.items())), len(groups), int(sizes.max(initial=0))
    )
