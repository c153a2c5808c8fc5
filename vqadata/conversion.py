"""From users' files to a finished folder of shards, every row accounted for."""

from __future__ import annotations

import importlib.metadata
import json
from collections import defaultdict
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from pydantic import BaseModel, ConfigDict, Field

from vqadata.errors import VqaDataError
from vqadata.images.header import BadPicture, Header, read_header
from vqadata.images.resolve import Found, OutsideRootError, Resolver
from vqadata.inputs import ledger_names
from vqadata.ledger import Ledger, Rejection
from vqadata.record import Origin, record_schema
from vqadata.shards.folder import finish, new_folder
from vqadata.shards.manifest import InputEntry, Manifest, ShardEntry, StepEntry
from vqadata.shards.schema import Picture
from vqadata.shards.writer import ShardWriter, batch_digest, file_digest
from vqadata.steps import Source, Step

if TYPE_CHECKING:
    import pyarrow as pa

MISSING_PICTURE = "missing-picture"
OUTSIDE_ROOT = "path-outside-root"
UNREADABLE = "unreadable-picture"

PACKAGES = ("vqadata", "pyarrow", "pillow")
"""Packages whose versions shape the output, recorded in the manifest."""


class OutputOptions(BaseModel):
    """How shards are written; shared by convert and clean."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    shard_mb: int = Field(
        128,
        ge=1,
        description="Picture megabytes after which a shard is closed and a new one begun.",
    )
    overwrite: bool = Field(False, description="Replace a finished data set in the output folder.")


class _Place(NamedTuple):
    """What was found for one row's pictures, in the row's order."""

    names: tuple[str, ...]
    files: tuple[Found | None, ...]


def convert(source: Source, out: Path | str, options: OutputOptions | None = None) -> Manifest:
    """Convert a data set to shards.

    Args:
        source: The data set, with its options.
        out: Output folder; must be new, empty or unfinished.
        options: How to write.

    Returns:
        The manifest of the finished folder.

    Raises:
        VqaDataError: The input cannot be used. Nothing that looks complete is left in ``out``.
    """
    import pyarrow as pa

    options = options or OutputOptions()
    inputs = _inputs(source.input_files())
    with new_folder(Path(out), options.overwrite) as folder:
        ledger = Ledger("convert")
        table = pa.Table.from_batches(source.batches(ledger), schema=record_schema())
        shards = _write(folder, table, source, ledger, options.shard_mb << 20)
        step = step_entry("convert", source.step_name(), source, options)
        return finish(folder, [step], inputs, shards, ledger)


def step_entry(
    step: str, name: str, doer: Step, options: OutputOptions, parent: str | None = None
) -> StepEntry:
    """Describe a step for the manifest, without folders of the machine: same input, same bytes."""
    chosen = _portable(doer.model_dump(mode="json")) | {"shard_mb": options.shard_mb}
    versions = {package: importlib.metadata.version(package) for package in PACKAGES}
    return StepEntry(step=step, name=name, options=chosen, versions=versions, parent=parent)


def _portable(options: dict[str, Any]) -> dict[str, Any]:
    """Options without the folders of the machine: paths keep their last part."""

    def tail(value: object) -> object:
        if isinstance(value, list):
            return [tail(item) for item in value]
        return Path(value).name if isinstance(value, str) and "/" in value else value

    return {name: tail(value) for name, value in options.items()}


def _inputs(files: list[Path]) -> list[InputEntry]:
    names = ledger_names(files)
    for file in files:
        if not file.is_file():
            found = "a folder" if file.is_dir() else "no such file"
            raise VqaDataError(str(file), found, "a file to read", "Check the path.")
    return [
        InputEntry(file=names[file], bytes=file.stat().st_size, sha256=file_digest(file))
        for file in files
    ]


def _write(
    folder: Path, table: pa.Table, source: Source, ledger: Ledger, shard_bytes: int
) -> list[ShardEntry]:
    """Group the rows by picture and split, and write one row a group."""
    import pyarrow as pa

    places, kept = _find_pictures(table, source, ledger)
    groups = _groups(table, places, kept)
    ordered = table.take(pa.array([row for rows in groups for row in rows], pa.int64()))
    start = 0
    with ShardWriter(folder, shard_bytes) as writer:
        for rows in groups:
            questions = ordered.slice(start, len(rows)).to_pylist()
            pictures = _load(places[rows[0]])
            _flag_unreadable(pictures, questions, ledger)
            for question in questions:
                ledger.keep(question["origin"])
            writer.write(questions[0]["split"] or "", pictures, questions)
            start += len(rows)
        return writer.close()


def _find_pictures(
    table: pa.Table, source: Source, ledger: Ledger
) -> tuple[dict[int, _Place], list[int]]:
    """Look up every row's pictures; note the rows that cannot stay."""
    resolver = Resolver(source.picture_roots(), deep=bool(source.image_root))
    roots = ", ".join(str(root) for root in source.picture_roots())
    places: dict[int, _Place] = {}
    first, more = table["image_path"].to_pylist(), table["more_image_paths"].to_pylist()
    for row, names in enumerate((one, *others) for one, others in zip(first, more, strict=True)):
        try:
            files = tuple(resolver.find(name) for name in names)
        except OutsideRootError as error:
            why = Rejection(OUTSIDE_ROOT, "image_path", str(error), f"a path under {roots}")
            _note(ledger, "quarantined", why, table, row)
            continue
        if None in files and source.missing_pictures == "drop":
            missing = names[files.index(None)]
            why = Rejection(MISSING_PICTURE, "image_path", missing, f"a picture under {roots}")
            _note(ledger, "dropped", why, table, row)
            continue
        places[row] = _Place(names, files)
    return places, list(places)


def _note(ledger: Ledger, action: Any, why: Rejection, table: pa.Table, row: int) -> None:
    (record,) = table.slice(row, 1).to_pylist()
    note_record(ledger, action, why, record)


def note_record(ledger: Ledger, action: Any, why: Rejection, record: dict[str, Any]) -> None:
    """Note the fate of a canonical record; the ledger keeps the record itself."""
    raw = json.dumps(record, ensure_ascii=False)
    ledger.note(action, why, Origin(**record["origin"]), record["question_id"], raw)


def _groups(table: pa.Table, places: dict[int, _Place], kept: list[int]) -> list[list[int]]:
    """Rows of the same pictures and split, in the order in which the pictures first appear."""
    contents = _content_keys(file for row in kept for file in places[row].files if file)
    splits = table["split"].to_pylist()
    groups: dict[tuple[object, ...], list[int]] = defaultdict(list)
    for row in kept:
        pairs = zip(places[row].names, places[row].files, strict=True)
        key = tuple(contents[file.file] if file else name for name, file in pairs)
        groups[(splits[row], *key)].append(row)
    return list(groups.values())


def _content_keys(files: Iterable[Found]) -> dict[Path, str]:
    """A key a file, equal where the bytes are. Only files of equal size are read for it."""
    by_size: dict[int, set[Path]] = defaultdict(set)
    for path in {found.file for found in files}:
        by_size[path.stat().st_size].add(path)
    keys: dict[Path, str] = {}
    for size, paths in by_size.items():
        alone = len(paths) == 1 or size == 0
        keys |= {path: str(path) if alone else batch_digest(path.read_bytes()) for path in paths}
    return keys


def _load(place: _Place) -> list[Picture]:
    """Read the pictures of one row from disk."""
    return [_picture(name, file) for name, file in zip(place.names, place.files, strict=True)]


def _picture(name: str, file: Found | None) -> Picture:
    if file is None:
        return Picture(name, None, None, None)
    try:
        data = file.file.read_bytes()
    except OSError as error:
        raise VqaDataError(str(file.file), f"cannot be read: {error.strerror}") from None
    header: Header | None
    try:
        header = read_header(data)
    except BadPicture:
        header = None
    return Picture(file.name, data, batch_digest(data), header)


def _flag_unreadable(
    pictures: list[Picture], questions: list[dict[str, Any]], ledger: Ledger
) -> None:
    """Remark on rows whose picture has no readable header; judging them is a cleaner's work."""
    for picture in pictures:
        if picture.data is None or picture.header is not None:
            continue
        try:
            read_header(picture.data)
        except BadPicture as bad:
            why = Rejection(UNREADABLE, picture.path, f"{bad.code}: {bad.detail}", "a picture")
            for question in questions:
                note_record(ledger, "flagged", why, question)
