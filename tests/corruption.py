"""Random damage to a folder of shards: is it always noticed, and is no wrong row handed out?

``python -m tests.corruption --count 1000`` prints what came of it; the tests run some hundreds.
"""

from __future__ import annotations

import argparse
import random
import shutil
import tempfile
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple, TypeAlias

from vqadata import OutputOptions, convert, load, open_shards, verify
from vqadata.errors import ShardError
from vqadata.groundwork.digests import bytes_digest
from vqadata.shards.manifest import FORMAT_VERSION, MANIFEST, read_manifest, write_manifest
from vqadata.shards.read_options import ReadOptions
from vqadata.sources.coco_vqa import CocoVqa

PAGE = 4096
KINDS = (
    "bit", "page", "truncation", "swap", "deletion", "foreign",
    "batches", "border", "tail", "version", "older", "extra",
)  # fmt: skip
SKIP = ReadOptions(on_damage="skip")
COLUMNS = ["question_id", "text", "answers.answer", "origin"]

Rows: TypeAlias = dict[int, str]
"""A digest of each row by its number."""


class Outcome(NamedTuple):
    kind: str
    file: str
    by_reader: bool
    """Whether reading all rows failed."""
    by_verify: bool
    wrong: int
    """Batches handed out that are not those of the undamaged folder."""
    by_loader: bool
    """Whether the loader, asked for all rows by picture in random order, said so."""
    wrong_rows: int
    """Rows that the loader handed out and that are not those of the undamaged folder."""


def make(folder: Path) -> Path:
    """A data set of some shards, with rows in quarantine so that the ledger is not empty."""
    from tests.conftest import VqaFiles

    files = VqaFiles(folder / "raw", questions=240, pictures=80).padded(60_000)
    files.questions[4]["question"] = 5
    from vqadata.converting import assembly

    before, assembly.BATCH_BYTES = (
        assembly.BATCH_BYTES,
        300_000,
    )
    convert(CocoVqa(**files.write()), folder / "good", OutputOptions(shard_mb=1))
    assembly.BATCH_BYTES = before
    return folder / "good"


def damage(folder: Path, kind: str, chance: random.Random) -> str:
    """Damage one file of ``folder`` in one way; its name."""
    names = sorted(path.name for path in folder.iterdir())
    name = chance.choice(names)
    path = folder / name
    data = bytearray(path.read_bytes())
    match kind:
        case "bit":
            place = chance.randrange(len(data))
            data[place] ^= 1 << chance.randrange(8)
            path.write_bytes(data)
        case "page":
            start = chance.randrange(-(-len(data) // PAGE)) * PAGE
            size = len(data[start : start + PAGE])
            data[start : start + PAGE] = bytes(size)
            path.write_bytes(data)
        case "truncation":
            path.write_bytes(data[: chance.randrange(len(data))])
        case "swap":
            other = folder / chance.choice([each for each in names if each != name])
            path.write_bytes(other.read_bytes())
            other.write_bytes(data)
        case "deletion":
            path.unlink()
        case "foreign":
            start = chance.randrange(len(data))
            data[start : start + 100] = chance.randbytes(len(data[start : start + 100]))
            path.write_bytes(data)
        case "version" | "older":
            return damage_manifest(folder, kind, chance)
        case "extra":
            name = f"val2014-{chance.randrange(50, 99):05d}.arrow"
            (folder / name).write_bytes(data)
        case _:
            return damage_shard(folder, kind, chance)
    return name


def damage_shard(folder: Path, kind: str, chance: random.Random) -> str:
    """Damage that respects the borders of record batches, so that each part is whole in itself."""
    shard = chance.choice(read_manifest(folder)[0].shards)
    path = folder / shard.file
    data = path.read_bytes()
    match kind:
        case "batches":  # two batches inside a file change places
            a, b = sorted(chance.sample(range(len(shard.batches)), 2))
            one, other = shard.batches[a], shard.batches[b]
            parts = data[: one.offset], data[other.offset : other.end]
            parts += data[one.end : other.offset], data[one.offset : one.end], data[other.end :]
            path.write_bytes(b"".join(parts))
        case "border":  # cut off behind a batch
            path.write_bytes(data[: chance.choice(shard.batches).end])
        case "tail":  # another shard from some batch on
            other = chance.choice([p for p in folder.glob("*.arrow") if p != path])
            cut = shard.batches[1].offset
            path.write_bytes(data[:cut] + other.read_bytes()[cut:])
    return shard.file


def damage_manifest(folder: Path, kind: str, chance: random.Random) -> str:
    """A manifest that is whole and signed, but not of this folder, or of another version."""
    manifest, _ = read_manifest(folder)
    if kind == "version":
        other = chance.choice([v for v in range(9) if v != FORMAT_VERSION])
        changed = manifest.model_copy(update={"format_version": other})
    else:
        shard = chance.randrange(len(manifest.shards))
        shards = list(manifest.shards)
        batches = list(shards[shard].batches)
        number = chance.randrange(len(batches))
        digest = bytes_digest(chance.randbytes(9))
        field = chance.choice(["text_xxh3", "pictures_xxh3"])
        batches[number] = batches[number].model_copy(update={field: digest})
        shards[shard] = shards[shard].model_copy(update={"batches": batches})
        changed = manifest.model_copy(update={"shards": shards})
    write_manifest(folder, changed)
    return MANIFEST


def same(a: Path, b: Path) -> bool:
    return a.exists() and b.exists() and a.read_bytes() == b.read_bytes()


def digests(folder: Path, options: ReadOptions) -> Iterator[str]:
    """A digest of what each batch holds, as it is handed out."""
    for batch in open_shards(folder, options).batches():
        yield bytes_digest(repr(batch.to_pylist()).encode())


def rows(folder: Path, reading: ReadOptions) -> Iterator[tuple[int, str]]:
    """The number of each row, as the loader hands it out, and a digest of what it holds."""
    for batch in load(folder, reading=reading, visit=0, columns=COLUMNS):
        for row in batch:
            images = row.pop("images")
            held = repr(row).encode() + b"".join(bytes(image) for image in images)
            yield row["row"], bytes_digest(held)


def try_out(
    good: Path, work: Path, kind: str, chance: random.Random, known: set[str], right: Rows
) -> Outcome:
    """Damage a copy, and read it in every way."""
    name = ""
    while not name or same(good / name, work / name):
        # Zeros may be written over zeros; that is no damage.
        shutil.rmtree(work, ignore_errors=True)
        shutil.copytree(good, work)
        name = damage(work, kind, chance)
    handed: list[str] = []
    by_reader = by_verify = False
    for options in (ReadOptions(), SKIP):
        try:
            handed += digests(work, options)
        except ShardError:
            by_reader = True
    try:
        by_verify = bool(verify(work).problems)
    except ShardError:
        by_verify = True
    by_loader, wrong_rows = by_loader_read(work, right, chance)
    wrong = len(set(handed) - known)
    return Outcome(kind, name, by_reader, by_verify, wrong, by_loader, wrong_rows)


def by_loader_read(folder: Path, right: Rows, chance: random.Random) -> tuple[bool, int]:
    """Whether the loader notices, and how many wrong rows it hands out before and beside it.

    It checks picture by picture or batch by batch, and fails or skips: each in turn.
    """
    said, wrong = False, 0
    for on_damage in ("fail", "skip"):
        reading = ReadOptions(on_damage=on_damage, check=chance.choice(["picture", "batch"]))
        seen = 0
        try:
            for number, digest in rows(folder, reading):
                seen, wrong = seen + 1, wrong + (digest != right.get(number))
            said |= seen != len(right)
        except ShardError:
            said = True
    return said, wrong


def outcomes(folder: Path, count: int, seed: int) -> Iterator[Outcome]:
    """Damage a folder in ``count`` ways, one at a time."""
    good, chance = make(folder), random.Random(seed)
    known, right = set(digests(good, ReadOptions())), dict(rows(good, ReadOptions()))
    for number in range(count):
        yield try_out(good, folder / "work", KINDS[number % len(KINDS)], chance, known, right)


SHOWN = 50
"""Damages after which it is said how far the exam is."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args()
    import logging

    logging.disable(logging.WARNING)
    with tempfile.TemporaryDirectory() as folder:
        found = []
        for outcome in outcomes(Path(folder), given.count, given.seed):
            found.append(outcome)
            if len(found) % SHOWN == 0:
                missed = sum(not (o.by_reader or o.by_verify) for o in found)
                wrong = sum(o.wrong + o.wrong_rows for o in found)
                print(f"{len(found)} damaged, {missed} not noticed, {wrong} wrong", flush=True)
    for kind, number in sorted(Counter(outcome.kind for outcome in found).items()):
        mine = [outcome for outcome in found if outcome.kind == kind]
        noticed = sum(outcome.by_reader or outcome.by_verify for outcome in mine)
        print(f"{kind:12} {number:5} damaged, {noticed:5} noticed, "
              f"{sum(o.by_reader for o in mine):5} by reading rows alone, "
              f"{sum(o.by_loader for o in mine):5} by the loader, "
              f"{sum(o.wrong for o in mine)} wrong batches and "
              f"{sum(o.wrong_rows for o in mine)} wrong rows handed out")  # fmt: skip


if __name__ == "__main__":
    main()
