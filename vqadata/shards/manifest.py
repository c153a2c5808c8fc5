"""The manifest: what a finished folder promises. It is written last; readers trust nothing else.

A folder without ``manifest.json`` is not a data set, whatever else lies in it. While a folder is
being written it carries :data:`~vqadata.output_folder.UNFINISHED`.
"""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from vqadata.errors import ShardError
from vqadata.output_folder import UNFINISHED, write_durably

MANIFEST = "manifest.json"
LEDGER = "ledger.parquet"
FINDINGS = "findings.parquet"
PICTURES = "pictures.parquet"
EVIDENCE = "evidence"
"""Subfolder of what findings point to."""
FORMAT_VERSION = 2
"""Version of the folder's layout. A reader refuses every other one and names both."""


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class BatchEntry(_Part):
    """One record batch of a shard: the unit that a reader checks and hands out."""

    offset: int = Field(description="First byte of the batch's message in the file.")
    length: int = Field(description="Bytes of the message.")
    xxh3: str = Field(description="xxh3-128 of those bytes, hexadecimal.")
    pictures: int = Field(description="Picture rows in the batch.")
    questions: int = Field(description="Questions in the batch.")


class ShardEntry(_Part):
    """One Arrow IPC file."""

    file: str = Field(description="File name in the folder.")
    bytes: int = Field(description="File size.")
    sha256: str = Field(description="sha256 of the file, hexadecimal.")
    split: str = Field(description="Split of all its questions; empty where the source names none.")
    pictures: int = Field(description="Picture rows.")
    questions: int = Field(description="Questions.")
    batches: list[BatchEntry] = Field(description="The record batches in file order.")


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


class LedgerFile(_Part):
    """The Parquet file with one row for each record that is not simply kept."""

    file: str = Field(description="File name in the folder.")
    bytes: int = Field(description="File size.")
    sha256: str = Field(description="sha256 of the file.")
    entries: dict[str, int] = Field(description="Rows by action: dropped, quarantined, flagged.")


class FileEntry(_Part):
    """A file that goes with the data: findings, what is known of pictures, evidence."""

    file: str = Field(description="Path in the folder, with slashes.")
    bytes: int = Field(description="File size.")
    sha256: str = Field(description="sha256 of the file.")


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
    document = manifest.model_dump(mode="json")
    document["digest"] = manifest_digest(document)
    text = json.dumps(document, indent=1, ensure_ascii=False, sort_keys=True)
    write_durably(folder / MANIFEST, text + "\n")


def manifest_digest(document: dict[str, Any]) -> str:
    """The identity of a data set: sha256 of the manifest's canonical JSON without ``digest``."""
    members = {key: value for key, value in document.items() if key != "digest"}
    text = json.dumps(members, separators=(",", ":"), sort_keys=True, ensure_ascii=False)
    return hashlib.sha256(text.encode()).hexdigest()


def read_manifest(folder: Path) -> tuple[Manifest, str]:
    """Read and check the manifest of a finished folder; return it with its digest.

    Raises:
        ShardError: The folder is missing, unfinished, of another version, or not a shard folder.
    """
    path = folder / MANIFEST
    if not path.is_file():
        raise _no_manifest(folder)
    try:
        document = json.loads(path.read_bytes())
    except (ValueError, RecursionError) as error:
        raise ShardError(
            str(path), f"not readable as JSON: {error}", "a manifest", _REBUILD
        ) from None
    version = document.get("format_version") if isinstance(document, dict) else None
    if version != FORMAT_VERSION:
        raise ShardError(
            str(path), f"format version {version}", f"version {FORMAT_VERSION}",
            "Use the vqadata release that wrote it, or convert again.",
        )  # fmt: skip
    digest = document.pop("digest", None)
    if digest != manifest_digest(document):
        raise ShardError(str(path), "changed after it was written", f"digest {digest}", _REBUILD)
    try:
        return Manifest.model_validate(document), digest
    except ValidationError as error:
        fault = error.errors(include_url=False)[0]
        place = ".".join(str(part) for part in fault["loc"])
        raise ShardError(
            f"{path}: {place}", str(fault["msg"]), "a whole manifest", _REBUILD
        ) from None


_REBUILD = "The folder is damaged: make it again from its source."


def _no_manifest(folder: Path) -> ShardError:
    where = str(folder)
    if not folder.exists():
        return ShardError(where, "no such folder", "a folder of shards", "Check the path.")
    if not folder.is_dir():
        return ShardError(where, "a file", "a folder of shards", "Pass the folder that holds it.")
    if (folder / UNFINISHED).exists():
        return ShardError(
            where, "unfinished: the run that wrote it did not end (no manifest.json)",
            "a finished folder", "Run the same command again; it starts clean.",
        )  # fmt: skip
    return ShardError(
        where, "no manifest.json", "a folder written by vqadata convert or clean", "Check the path."
    )
