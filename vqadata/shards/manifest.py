"""The manifest: what a finished folder promises. It is written last; readers trust nothing else.

A folder without ``manifest.json`` is not a data set, whatever else lies in it. While a folder is
being written it carries :data:`~vqadata.groundwork.output_folder.UNFINISHED`.
"""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Annotated, Any, Self

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    ValidationError,
    model_validator,
)

from vqadata.errors import ShardError
from vqadata.groundwork.digests import file_digest
from vqadata.groundwork.output_folder import UNFINISHED, write_durably

MANIFEST = "manifest.json"
PARTIAL_MANIFEST = f"{MANIFEST}.partial"
LEDGER = "ledger.parquet"
FINDINGS = "findings.parquet"
PICTURES = "pictures.parquet"
EVIDENCE = "evidence"
"""Subfolder of what findings point to."""
REPORT = "report.html"
"""The page about the folder. It is made later and is not listed in the manifest."""
FORMAT_VERSION = 3
"""Version of the folder's layout (``docs/format.md``). A reader refuses every other one and names
both."""


def inside(name: str) -> str:
    """A file name that stays in its folder, or an error.

    Raises:
        ValueError: It is empty, absolute, leads upwards, or is no portable path with slashes.
    """
    parts = name.split("/")
    if any(part in ("", ".", "..") for part in parts) or set(name) & set("\\:\0"):
        raise ValueError(f"{name!r} leads out of the folder; expected a plain path inside it")
    return name


FileName = Annotated[str, AfterValidator(inside)]
"""A path with slashes that stays in its folder."""


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, defer_build=True)


class BatchEntry(_Part):
    """One record batch of a shard: the unit that a reader checks and hands out.

    Its message has two segments, so that questions can be read and checked without the pictures.
    """

    offset: int = Field(ge=0, description="First byte of the batch's message in the file.")
    length: int = Field(gt=0, description="Bytes of the message.")
    text_length: int = Field(
        gt=0, description="Bytes of its first segment: all but the column images."
    )
    text_xxh3: str = Field(description="xxh3-128 of the first segment, hexadecimal.")
    pictures_xxh3: str = Field(description="xxh3-128 of the rest of the message, hexadecimal.")
    pictures: int = Field(ge=1, description="Picture rows in the batch.")
    questions: int = Field(ge=0, description="Questions in the batch.")

    @property
    def end(self) -> int:
        """First byte behind the message."""
        return self.offset + self.length


class ShardEntry(_Part):
    """One Arrow IPC file. The digests of head, batches and tail cover each of its bytes once."""

    file: FileName = Field(description="File name in the folder.")
    bytes: int = Field(description="File size.")
    sha256: str = Field(description="sha256 of the file, hexadecimal.")
    head_xxh3: str = Field(description="xxh3-128 of what stands before the first batch.")
    tail_xxh3: str = Field(description="xxh3-128 of what stands behind the last batch.")
    split: str = Field(description="Split of all its questions; empty where the source names none.")
    pictures: int = Field(description="Picture rows.")
    questions: int = Field(description="Questions.")
    batches: list[BatchEntry] = Field(
        min_length=1, description="The record batches in file order, without gaps."
    )

    @model_validator(mode="after")
    def _fits(self) -> Self:
        """Each byte lies in one part, and the batches hold what the shard holds."""
        ends = [self.batches[0].offset, *(batch.end for batch in self.batches)]
        starts = [*(batch.offset for batch in self.batches), ends[-1]]
        if ends != starts or ends[-1] > self.bytes:
            raise ValueError("its batches do not follow each other inside the file")
        for count in ("pictures", "questions"):
            if sum(getattr(batch, count) for batch in self.batches) != getattr(self, count):
                raise ValueError(f"its batches do not have {getattr(self, count)} {count}")
        return self


class InputForm(_Part):
    """What a file said beside its records, and how it wrote them, so that it can be written again.

    Where a record is not written like the first one, its ``extra`` holds it as it was written.
    """

    key: str = Field(description="Top-level key of the list of records; empty for a bare list.")
    header: dict[str, Any] = Field(description="The other top-level members, as they stood there.")
    omitted: list[str] = Field(description="Top-level members that were too long to be kept.")
    members: list[str] = Field(description="Names of the members that its records have.")
    types: dict[str, str] = Field(
        description="JSON types of the members that can be written in more than one way, in the "
        "first record: question_id, image_id, answers[], answers[].answer_id."
    )


class InputEntry(_Part):
    """One file that the first step read."""

    file: str = Field(description="Name by which origin and ledger refer to it.")
    bytes: int = Field(description="File size.")
    sha256: str = Field(description="sha256 of the file as it lies on disk.")
    form: InputForm | None = Field(
        None, description="How the file was written, where the source keeps that."
    )


class StepEntry(_Part):
    """One step of the data set's history."""

    step: str = Field(description="convert, clean or split.")
    name: str = Field(description="Source or cleaner, as on the command line; for split, by what.")
    options: dict[str, Any] = Field(description="Every option with its value, defaults included.")
    versions: dict[str, str] = Field(description="Versions of the packages that did the work.")
    parent: str | None = Field(None, description="Digest of the manifest that the step read.")


class BalanceEntry(_Part):
    """The account of one input file: seen = kept + dropped + quarantined."""

    file: str = Field(description="Input file.")
    records: int = Field(description="Records in the file.")
    seen: int = Field(
        description="Rows in the file: a record that holds several questions counts as many."
    )
    kept: int = Field(description="Rows that are in the shards.")
    dropped: dict[str, int] = Field(description="Dropped rows by reason.")
    quarantined: dict[str, int] = Field(description="Quarantined rows by reason.")

    @property
    def adds_up(self) -> bool:
        """Whether every record is in exactly one place, by the numbers."""
        lost = sum(self.dropped.values()) + sum(self.quarantined.values())
        return self.seen == self.kept + lost


class FileEntry(_Part):
    """A file that goes with the data: findings, what is known of pictures, evidence."""

    file: FileName = Field(description="Path in the folder, with slashes.")
    bytes: int = Field(description="File size.")
    sha256: str = Field(description="sha256 of the file.")


class LedgerFile(FileEntry):
    """The Parquet file with one row for each record that is not simply kept."""

    entries: dict[str, int] = Field(
        description="Rows by action: dropped, quarantined, flagged, masked."
    )


class Manifest(_Part):
    """Everything a reader needs to trust a folder, and everything a person needs to repeat it."""

    format_version: int = Field(description="Version of the folder layout.")
    questions: int = Field(description="Questions in all shards.")
    pictures: int = Field(description="Picture rows in all shards.")
    splits: dict[str, int] = Field(description="Questions by split.")
    steps: list[StepEntry] = Field(description="The history, oldest step first.")
    inputs: list[InputEntry] = Field(description="The source files.")
    balance: list[BalanceEntry] = Field(description="The account of each source file.")
    flags: dict[str, int] = Field(description="Kept rows that carry a remark, by reason.")
    shards: list[ShardEntry] = Field(description="The shards, in reading order.")
    ledger: LedgerFile = Field(description="The ledger.")
    files: list[FileEntry] = Field(
        default_factory=list, description="All other files of the folder, by path."
    )

    @property
    def seen(self) -> int:
        """Records of all input files."""
        return sum(entry.seen for entry in self.balance)

    @property
    def dropped(self) -> int:
        """Dropped records, over all input files."""
        return sum(sum(entry.dropped.values()) for entry in self.balance)

    @property
    def quarantined(self) -> int:
        """Records in quarantine, over all input files."""
        return sum(sum(entry.quarantined.values()) for entry in self.balance)

    @property
    def adds_up(self) -> bool:
        """Whether every input file's account adds up."""
        return all(entry.adds_up for entry in self.balance)


def write_manifest(folder: Path, manifest: Manifest) -> None:
    """Write the manifest atomically, with its digest."""
    write_durably(folder / MANIFEST, manifest_text(manifest))


def manifest_text(manifest: Manifest) -> str:
    """The manifest as it is written, with its digest."""
    body = _text(manifest.model_dump(mode="json"))
    return f"{body}{_DIGEST}{_sha256(body.encode())}{_END}"


def manifest_digest(manifest: Manifest) -> str:
    """The digest that the manifest has when it is written."""
    return _sha256(_text(manifest.model_dump(mode="json")).encode())


def _text(document: dict[str, Any]) -> str:
    """All members as JSON, a line each, and a line for each item of a list."""
    lines = []
    for name in sorted(document):
        value = document[name]
        if isinstance(value, list) and value:
            items = ",\n  ".join(map(_compact, value))
            lines.append(f" {_compact(name)}: [\n  {items}\n ],\n")
        else:
            lines.append(f" {_compact(name)}: {_compact(value)},\n")
    return "{\n" + "".join(lines)


def _compact(value: object) -> str:
    return json.dumps(value, ensure_ascii=False, sort_keys=True)


def _sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


_DIGEST, _END = ' "digest": "', '"\n}\n'
"""What stands around the digest, which is that of all bytes before this line."""


def read_manifest(folder: Path) -> tuple[Manifest, str]:
    """Read and check the manifest of a finished folder; return it with its digest.

    Raises:
        ShardError: The folder is missing, unfinished, of another version, or not a shard folder.
    """
    return parse_manifest(read_manifest_bytes(folder), str(folder / MANIFEST))


def read_manifest_bytes(folder: Path) -> bytes:
    """The bytes of the manifest of a finished folder.

    Raises:
        ShardError: There is none.
    """
    path = folder / MANIFEST
    if not path.is_file():
        raise _no_manifest(folder)
    return path.read_bytes()


def parse_manifest(data: bytes, where: str) -> tuple[Manifest, str]:
    """Check the bytes of a manifest; return it with its digest.

    Args:
        data: The whole file.
        where: Its name in errors.

    Raises:
        ShardError: It is damaged or of another version.
    """
    try:
        document = json.loads(data)
    except (ValueError, RecursionError) as error:
        raise ShardError(where, f"not readable as JSON: {error}", "a manifest", _REBUILD) from None
    version = document.get("format_version") if isinstance(document, dict) else None
    if version != FORMAT_VERSION:
        raise _other_version(where, version)
    digest = str(document.pop("digest", None))
    body = data.removesuffix(f"{_DIGEST}{digest}{_END}".encode())
    if len(body) == len(data) or digest != _sha256(body):
        raise ShardError(where, "changed after it was written", f"digest {digest}", _REBUILD)
    try:
        return Manifest.model_validate(document), digest
    except ValidationError as error:
        fault = error.errors(include_url=False)[0]
        place = ".".join(str(part) for part in fault["loc"])
        found = str(fault["msg"]).removeprefix("Value error, ")
        raise ShardError(f"{where}: {place}", found, "a whole manifest", _REBUILD) from None


def check_file(path: Path, entry: FileEntry) -> None:
    """Compare a file that is no shard with the manifest.

    Raises:
        ShardError: It is missing, or differs.
    """
    remedy = "Restore it from a copy, or rebuild it with vqadata repair."
    if not path.is_file():
        raise ShardError(str(path), "no such file", "a file of the manifest", remedy)
    if (found := file_digest(path)) != entry.sha256:
        raise ShardError(str(path), f"damaged: sha256 {found}", entry.sha256, remedy)


def _other_version(where: str, version: object) -> ShardError:
    newer = isinstance(version, int) and version > FORMAT_VERSION
    remedy = "Use a newer release of vqadata." if newer else "Make the folder again."
    return ShardError(where, f"format version {version}", f"version {FORMAT_VERSION}", remedy)


_REBUILD = "The folder is damaged: restore the manifest from a copy, or make the folder again."


def _no_manifest(folder: Path) -> ShardError:
    where = str(folder)
    if not folder.exists():
        return ShardError(where, "no such folder", "a folder of shards", "Check the path.")
    if not folder.is_dir():
        return ShardError(where, "a file", "a folder of shards", "Pass the folder that holds it.")
    if (folder / UNFINISHED).exists():
        return ShardError(
            where, "unfinished: the run that wrote it did not end (no manifest.json)",
            "a finished folder",
            "Run the same command again; it keeps the shards that were finished.",
        )  # fmt: skip
    return ShardError(
        where, "no manifest.json", "a folder written by vqadata convert or clean", "Check the path."
    )
