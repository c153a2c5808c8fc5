"""Proves a finished folder: every digest, every count, and the place of every source row."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from vqadata.errors import ShardError
from vqadata.ledger import KEPT, ledger_batches
from vqadata.shards.manifest import BalanceEntry, FileEntry, Manifest
from vqadata.shards.read_options import ReadOptions
from vqadata.shards.reader import Shards, open_shards

if TYPE_CHECKING:
    import pyarrow as pa

    from vqadata.groundwork.spill import Numbers

SHOWN_INDEXES = 5

_PLACE = ("file", "index", "part", "parts", "answers_file", "answers_index")


class Verification(NamedTuple):
    """The outcome of a proof."""

    digest: str
    """Digest of the manifest."""
    checked: list[str]
    """What was proven, a line each."""
    problems: list[str]
    """What does not hold, a line each; empty if all is well."""


class _Rows(NamedTuple):
    """Places of rows in one input file, as arrays of one length."""

    record: Numbers
    """Number of the record."""
    part: Numbers
    """Number of the row in its record."""
    parts: Numbers
    """Rows that the record holds."""


class _Places(NamedTuple):
    """Where rows were found, by input file."""

    kept: dict[str, list[_Rows]]
    noted: dict[str, list[_Rows]]
    reasons: defaultdict[tuple[str, str], Counter[str]]
    """Rows that are gone by reason, of each input file and action."""


def verify(folder: Path | str, sha256: bool = False) -> Verification:
    """Check a folder against its manifest, and the account of every source row.

    The proof: for each input file, the places of the rows in the shards and of those in the ledger
    (dropped or quarantined) name each record of ``0 .. records-1``, and of a record that holds
    several questions each one, exactly once.

    Args:
        folder: The folder.
        sha256: Compare the sha256 of the shards as well; see
            :func:`~vqadata.shards.scan.scan_shard`.

    Raises:
        ShardError: There is no manifest, or it is damaged or of another version.
    """
    shards = open_shards(folder, ReadOptions(on_damage="skip"))
    manifest = shards.manifest
    problems = list(_file_problems(shards, sha256))
    digests = "xxh3 of every byte, and sha256" if sha256 else "xxh3 of every byte"
    others = f" and {len(manifest.files)} files beside" if manifest.files else ""
    files = f"{len(manifest.shards)} shard files, the ledger{others}"
    checked = [f"{files}: size, {digests}"]
    if not problems:
        places = _places(shards)
        problems += _row_problems(manifest, places)
        problems += _balance_problems(manifest, places)
        rows, inputs = sum(b.seen for b in manifest.balance), len(manifest.balance)
        checked += [
            f"{manifest.questions:,} questions, {manifest.pictures:,} pictures: batch digests",
            f"{rows:,} rows of {inputs} input files: each in exactly one place",
        ]
    return Verification(shards.digest, checked, problems)


def _file_problems(shards: Shards, sha256: bool) -> Iterator[str]:
    yield from map(str, shards.faults(sha256))
    others: list[FileEntry] = [shards.manifest.ledger, *shards.manifest.files]
    for entry in others:
        try:
            shards.file(entry)
        except ShardError as error:
            found = error.found if error.found != "no such file" else "missing"
            expected = f", expected {error.expected}" if error.found != "no such file" else ""
            yield f"{entry.file}: {found}{expected}"
    known = {shard.file for shard in shards.manifest.shards}
    strays = sorted(p.name for p in shards.folder.glob("*.arrow*") if p.name not in known)
    yield from (f"{name}: not in the manifest" for name in strays)


def _places(shards: Shards) -> _Places:
    import pyarrow as pa
    import pyarrow.compute as pc

    places = _Places(defaultdict(list), defaultdict(list), defaultdict(Counter))
    for batch in shards.batches(["questions"]):
        _collect(batch.column("questions").flatten().field("origin"), places.kept)
    for entries in ledger_batches(shards.ledger_path, [*_PLACE, "action", "reason"]):
        gone = entries.filter(pc.invert(pc.is_in(entries.column("action"), pa.array(KEPT))))
        columns = [gone.column(name) for name in _PLACE]
        _collect(pa.StructArray.from_arrays(columns, list(_PLACE)), places.noted)
        told = gone.select(["file", "answers_file", "action", "reason"]).to_pylist()
        for file, answers_file, action, reason in map(dict.values, told):
            for name in {file, answers_file} - {None}:
                places.reasons[name, action][reason] += 1
    return places


def _collect(origins: pa.StructArray, places: dict[str, list[_Rows]]) -> None:
    """Gather the places of some rows, by input file."""
    import numpy as np
    import pyarrow.compute as pc

    part = pc.fill_null(origins.field("part"), 0).to_numpy()
    parts = pc.fill_null(origins.field("parts"), 1).to_numpy()
    for index, file in (("index", "file"), ("answers_index", "answers_file")):
        coded = origins.field(file).dictionary_encode()
        numbers = pc.fill_null(origins.field(index), -1).to_numpy()
        codes = pc.fill_null(coded.indices, -1).to_numpy()
        own = (part, parts) if file == "file" else (np.zeros_like(part), np.ones_like(parts))
        for code, name in enumerate(coded.dictionary.to_pylist()):
            here = codes == code
            places[name].append(_Rows(numbers[here], own[0][here], own[1][here]))


def _row_problems(manifest: Manifest, places: _Places) -> list[str]:
    problems = []
    for entry in manifest.balance:
        found = _joined(places.kept.get(entry.file, []) + places.noted.get(entry.file, []))
        outcomes = _misplaced(found, entry.records)
        for what, indexes in outcomes.items():
            if len(indexes):
                shown = ", ".join(map(str, indexes[:SHOWN_INDEXES].tolist()))
                records = f"{len(indexes)} record{'' if len(indexes) == 1 else 's'}"
                problems.append(f"{entry.file}: {records} {what}, first {shown}")
        if not any(map(len, outcomes.values())) and len(found.record) != entry.seen:
            problems.append(f"{entry.file}: {len(found.record)} rows found, {entry.seen} seen")
    return problems


def _misplaced(rows: _Rows, records: int) -> dict[str, Numbers]:
    """Numbers of the records of which not each row is in exactly one place."""
    import numpy as np

    order = np.lexsort((rows.part, rows.record))
    index, part, parts = (column[order] for column in rows)
    numbers, starts, counts = np.unique(index, return_index=True, return_counts=True)
    place = np.arange(len(index)) - np.repeat(starts, counts)
    repeated = (index[1:] == index[:-1]) & (part[1:] == part[:-1])
    wrong = (part != place) | (parts != np.repeat(counts, counts))
    known = (numbers >= 0) & (numbers < records)
    twice = np.unique(index[1:][repeated])
    return {
        "lost": np.setdiff1d(np.arange(records), numbers),
        "in two places": twice,
        "not complete": np.setdiff1d(np.unique(index[wrong]), twice),
        "never seen": numbers[~known],
    }


def _joined(rows: list[_Rows]) -> _Rows:
    import numpy as np

    columns = zip(*rows, strict=True) if rows else [[]] * 3
    return _Rows(*(np.concatenate([np.empty(0, np.int64), *column]) for column in columns))


def _balance_problems(manifest: Manifest, places: _Places) -> list[str]:
    recounted = {entry.file: _recount(entry, places) for entry in manifest.balance}
    return [
        f"{entry.file}: account {_said(entry)}, rows {_said(recounted[entry.file])}"
        for entry in manifest.balance
        if not entry.adds_up or entry != recounted[entry.file]
    ]


def _recount(entry: BalanceEntry, places: _Places) -> BalanceEntry:
    dropped, quarantined = (
        dict(sorted(places.reasons[entry.file, action].items()))
        for action in ("dropped", "quarantined")
    )
    return BalanceEntry(
        file=entry.file,
        records=entry.records,
        seen=entry.seen,
        kept=len(_joined(places.kept.get(entry.file, [])).record),
        dropped=dropped,
        quarantined=quarantined,
    )


def _said(entry: BalanceEntry) -> str:
    dropped, quarantined = sum(entry.dropped.values()), sum(entry.quarantined.values())
    return f"{entry.kept} kept + {dropped} dropped + {quarantined} quarantined of {entry.seen}"
