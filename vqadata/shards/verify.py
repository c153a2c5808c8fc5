"""Proves a finished folder: every digest, every count, and the place of every source row."""

from __future__ import annotations

from collections import Counter, defaultdict
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from vqadata.digests import file_digest
from vqadata.ledger import LedgerEntry, read_ledger
from vqadata.shards.manifest import BalanceEntry, Manifest
from vqadata.shards.reader import Shards, open_shards

if TYPE_CHECKING:
    import pyarrow as pa

SHOWN_INDEXES = 5


class Verification(NamedTuple):
    """The outcome of a proof."""

    digest: str
    """Digest of the manifest."""
    checked: list[str]
    """What was proven, a line each."""
    problems: list[str]
    """What does not hold, a line each; empty if all is well."""


class _Places(NamedTuple):
    """Record numbers by input file, as they were found in one kind of place."""

    kept: dict[str, list[int]]
    noted: dict[str, list[int]]


def verify(folder: Path | str) -> Verification:
    """Check a folder against its manifest, and the account of every source row.

    The proof: for each input file, the numbers of the records in the shards and of those in the
    ledger (dropped or quarantined) name each of ``0 .. seen-1`` exactly once.

    Raises:
        ShardError: There is no manifest, or it is damaged or of another version.
    """
    shards = open_shards(folder)
    manifest = shards.manifest
    problems = _file_problems(shards)
    checked = [f"{len(manifest.shards)} shard files and the ledger: size and sha256"]
    if not problems:
        places, entries = _places(shards)
        problems += _row_problems(manifest, places)
        problems += _balance_problems(manifest, places, entries)
        records, files = sum(b.seen for b in manifest.balance), len(manifest.balance)
        checked += [
            f"{manifest.questions:,} questions, {manifest.pictures:,} pictures: batch digests",
            f"{records:,} records of {files} input files: each in exactly one place",
        ]
    return Verification(shards.digest, checked, problems)


def _file_problems(shards: Shards) -> list[str]:
    listed = [(entry.file, entry.bytes, entry.sha256) for entry in shards.manifest.shards]
    ledger = shards.manifest.ledger
    listed.append((ledger.file, ledger.bytes, ledger.sha256))
    problems = []
    for name, size, digest in listed:
        path = shards.folder / name
        if not path.is_file():
            problems.append(f"{name}: missing")
        elif path.stat().st_size != size:
            problems.append(f"{name}: {path.stat().st_size:,} bytes, expected {size:,}")
        elif (found := file_digest(path)) != digest:
            problems.append(f"{name}: sha256 {found}, expected {digest}")
    known = {name for name, _, _ in listed}
    strays = sorted(p.name for p in shards.folder.glob("*.arrow*") if p.name not in known)
    return problems + [f"{name}: not in the manifest" for name in strays]


def _places(shards: Shards) -> tuple[_Places, list[LedgerEntry]]:
    places = _Places(defaultdict(list), defaultdict(list))
    for batch in shards.batches():
        _collect(batch, places.kept)
    entries = list(read_ledger(shards.folder / shards.manifest.ledger.file))
    for entry in entries:
        if entry.action != "flagged":
            places.noted[entry.file].append(entry.index)
            if entry.answers_file is not None and entry.answers_index is not None:
                places.noted[entry.answers_file].append(entry.answers_index)
    return places, entries


def _collect(batch: pa.RecordBatch, kept: dict[str, list[int]]) -> None:
    """Gather the origins of a batch's questions, by input file."""
    import pyarrow.compute as pc

    origin = pc.struct_field(pc.list_flatten(batch.column("questions")), "origin")
    for file, index in (("file", "index"), ("answers_file", "answers_index")):
        files = pc.struct_field(origin, file).to_pylist()
        for name, number in zip(files, pc.struct_field(origin, index).to_pylist(), strict=True):
            if name is not None:
                kept[name].append(number)


def _row_problems(manifest: Manifest, places: _Places) -> list[str]:
    problems = []
    for entry in manifest.balance:
        found = sorted(places.kept.get(entry.file, []) + places.noted.get(entry.file, []))
        if found == list(range(entry.seen)):
            continue
        counts = Counter(found)
        lost = [i for i in range(entry.seen) if i not in counts]
        twice = [i for i, n in counts.items() if n > 1]
        beyond = [i for i in counts if not 0 <= i < entry.seen]
        for what, indexes in (("lost", lost), ("in two places", twice), ("never seen", beyond)):
            if indexes:
                shown = ", ".join(map(str, indexes[:SHOWN_INDEXES]))
                problems.append(f"{entry.file}: {len(indexes)} records {what}, first {shown}")
    return problems


def _balance_problems(manifest: Manifest, places: _Places, entries: list[LedgerEntry]) -> list[str]:
    recounted = {entry.file: _recount(entry, places, entries) for entry in manifest.balance}
    return [
        f"{entry.file}: account {_said(entry)}, rows {_said(recounted[entry.file])}"
        for entry in manifest.balance
        if not entry.adds_up or entry != recounted[entry.file]
    ]


def _recount(entry: BalanceEntry, places: _Places, entries: list[LedgerEntry]) -> BalanceEntry:
    reasons: dict[str, Counter[str]] = {"dropped": Counter(), "quarantined": Counter()}
    for noted in entries:
        if noted.action != "flagged" and entry.file in (noted.file, noted.answers_file):
            reasons[noted.action][noted.reason] += 1
    return BalanceEntry(
        file=entry.file,
        seen=entry.seen,
        kept=len(places.kept.get(entry.file, [])),
        dropped=dict(sorted(reasons["dropped"].items())),
        quarantined=dict(sorted(reasons["quarantined"].items())),
    )


def _said(entry: BalanceEntry) -> str:
    dropped, quarantined = sum(entry.dropped.values()), sum(entry.quarantined.values())
    return f"{entry.kept} kept + {dropped} dropped + {quarantined} quarantined of {entry.seen}"
