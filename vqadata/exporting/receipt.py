"""The receipt of an export: what was handed over, from which data, and what was not.

``export.json`` is written last; a folder without it is no finished export. ``remarks.jsonl`` beside
it names every question that was left out, and every one whose text had to be changed.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from vqadata.errors import VqaDataError
from vqadata.groundwork.output_folder import UNFINISHED, FolderKind, write_durably

RECEIPT = "export.json"
REMARKS = "remarks.jsonl"
PICTURES = "images"
"""Folder of the pictures, where an export writes them as files."""

FORMAT_VERSION = 1


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Remark(_Part):
    """One question that is not simply in the export as it is in the shards."""

    action: Literal["left-out", "changed"] = Field(description="What became of it.")
    reason: str = Field(description="Short code of the reason.")
    question_id: str = Field(description="The question's id.")
    split: str = Field(description="Its split in the shards; empty where the source names none.")
    file: str = Field(description="Input file that holds the question.")
    index: int = Field(description="Number of the record in that file, from 0.")
    part: int | None = Field(None, description="Number of the question in that record.")


class SplitEntry(_Part):
    """What one split became."""

    split: str = Field(description="Name in the shards; empty where the source names none.")
    name: str = Field(description="Name in the export.")
    questions: int = Field(description="Questions handed over.")
    rows: int = Field(description="Rows, samples or lines that hold them.")


class FileEntry(_Part):
    """One file of the export; pictures are named by their digest and not listed."""

    file: str = Field(description="Path in the folder, with slashes.")
    bytes: int = Field(description="File size.")
    sha256: str = Field(description="sha256 of the file, hexadecimal.")


class Receipt(_Part):
    """Everything that the receiver needs to trust an export, and to make it again."""

    format_version: int = Field(description="Version of this receipt.")
    export: str = Field(description="Name of the export, as on the command line.")
    options: dict[str, Any] = Field(description="Every option with its value, defaults included.")
    versions: dict[str, str] = Field(description="Versions of the packages that did the work.")
    shards: str = Field(description="Digest of the shards' manifest: which data it was.")
    questions: int = Field(description="Questions in the shards.")
    splits: list[SplitEntry] = Field(description="What was handed over.")
    left_out: dict[str, int] = Field(description="Questions that were left out, by reason.")
    changed: dict[str, int] = Field(
        description="Questions that were handed over with changed text, by reason."
    )
    pictures: int = Field(description="Picture files in the folder images.")
    files: list[FileEntry] = Field(description="All other files but this one.")

    @property
    def exported(self) -> int:
        """Questions handed over."""
        return sum(entry.questions for entry in self.splits)

    @property
    def rows(self) -> int:
        """Rows that hold them."""
        return sum(entry.rows for entry in self.splits)

    @property
    def adds_up(self) -> bool:
        """Whether every question of the shards was handed over or left out with a reason."""
        return self.questions == self.exported + sum(self.left_out.values())


def write_receipt(folder: Path, receipt: Receipt) -> None:
    """Write the receipt of an export atomically."""
    text = json.dumps(receipt.model_dump(mode="json"), indent=1, ensure_ascii=False)
    write_durably(folder / RECEIPT, text + "\n")


def read_receipt(folder: Path | str) -> Receipt:
    """Read the receipt of a finished export.

    Raises:
        VqaDataError: There is none, or it is damaged or of another version.
    """
    path = Path(folder) / RECEIPT
    try:
        return Receipt.model_validate_json(path.read_bytes())
    except FileNotFoundError:
        raise VqaDataError(
            str(folder), f"no {RECEIPT}", "a folder written by vqadata export", "Check the path."
        ) from None
    except ValidationError as error:
        fault = error.errors(include_url=False)[0]["msg"]
        raise VqaDataError(str(path), fault, "a whole receipt", "Export again.") from None


def read_remarks(folder: Path | str) -> Iterator[Remark]:
    """The remarks of a finished export, in the order in which they were made."""
    path = Path(folder) / REMARKS
    if path.exists():
        with path.open(encoding="utf-8") as lines:
            yield from (Remark.model_validate_json(line) for line in lines)


def move_out(staging: Path, receipt: Receipt) -> None:
    """Move a whole export from ``staging`` into its folder, the receipt last."""
    folder = staging.parent
    # Should this be killed half-way, the next run finds here what it may remove.
    write_receipt(staging, receipt)
    _remove_ours(folder)
    for path in sorted(staging.rglob("*")):
        target = folder / path.relative_to(staging)
        if path.is_file() and target != folder / RECEIPT:
            target.parent.mkdir(parents=True, exist_ok=True)
            path.rename(target)
    (staging / RECEIPT).rename(folder / RECEIPT)


def _remove_ours(folder: Path) -> None:
    """Remove what exports have written here, by their receipts; the receipt first."""
    for where in (folder, folder / UNFINISHED):
        try:
            receipt = read_receipt(where)
        except VqaDataError:
            continue
        if where == folder:
            (folder / RECEIPT).unlink()
        for entry in receipt.files:
            (folder / entry.file).unlink(missing_ok=True)
        if receipt.pictures:
            shutil.rmtree(folder / PICTURES, ignore_errors=True)
        _remove_empty(folder, receipt)


def _remove_empty(folder: Path, receipt: Receipt) -> None:
    """Remove the folders that the files of an export have left empty."""
    parents = {p for entry in receipt.files for p in Path(entry.file).parents} - {Path()}
    for parent in sorted(parents, reverse=True):
        path = folder / parent
        if path.is_dir() and not any(path.iterdir()):
            path.rmdir()


EXPORT_FOLDER = FolderKind(RECEIPT, "export", _remove_ours)
