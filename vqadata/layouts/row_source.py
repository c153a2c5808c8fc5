"""What the sources share that read records one by one: files, ids, answers and the account.

A source says how one record becomes rows (:meth:`RowSource.rows`); everything else is done here.
Files are read record by record, a batch is built at a time, so memory does not grow with the files.
"""

from __future__ import annotations

import os
from abc import abstractmethod
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from pydantic import Field, field_validator

from vqadata.converting.look import COLUMNAR, FileLook, Look
from vqadata.errors import VqaDataError
from vqadata.layouts.row_reading import Lost, Reading
from vqadata.layouts.table import Table, read_table
from vqadata.reading.inputs import ledger_names
from vqadata.reading.json_scan import RawRecord
from vqadata.reading.packed import PACKED_SUFFIXES
from vqadata.record import Row
from vqadata.steps import Recognition, Source, Workspace

if TYPE_CHECKING:
    import pyarrow as pa


NEAR = 2
"""Folders between a file and the one in which all files lie, for that to be a root of pictures."""


class RowSource(Source):
    """Files of records that are mapped one by one."""

    lists: ClassVar[tuple[str, ...]] = ()
    """Top-level keys that may hold the list of records; a list without a key always may."""

    keyed: ClassVar[bool] = False
    """Whether a document may be an object of records, keyed by id."""

    suffixes: ClassVar[tuple[str, ...]] = (".json", ".jsonl")
    """Suffixes of the files that are read where a folder is given."""

    signs: ClassVar[frozenset[str]] = frozenset()
    """Fields of a record by which a file in this layout is told from those in others."""

    other_signs: ClassVar[tuple[frozenset[str], ...]] = ()
    """Other sets of fields that tell it as well, where the layout has variants."""

    unlike: ClassVar[frozenset[str]] = frozenset()
    """Fields that a record in this layout never has."""

    one_numbering: ClassVar[bool] = False
    """Whether an id that another file holds as well is the same question again; otherwise each
    file may count anew."""

    picture_folders: ClassVar[tuple[str, ...]] = ()
    """Folders beside the first file in which pictures are looked up as well."""

    data: list[Path] = Field(
        description="File or files of the data set, plain or packed, or a folder of them.",
        min_length=1,
        json_schema_extra={"argument": True, "metavar": "FILE..."},
    )

    @field_validator("data", mode="before")
    @classmethod
    def _several(cls, data: Any) -> Any:
        """From Python one path may stand for a list of one."""
        return [data] if isinstance(data, str | Path) else data

    @abstractmethod
    def rows(
        self, record: RawRecord, members: dict[str, Any], table: Table
    ) -> Sequence[Row | Lost]:
        """Map one record.

        Args:
            record: The record, with its place in the file.
            members: Its members, decoded.
            table: Its file, for top-level values beside the records.

        Returns:
            Its questions: none, one or several, each as fields of
            :class:`~vqadata.record.Record` or as lost. ``question_id``, ``split``, ``licence`` and
            ``origin`` are filled in where they are left out, and the ``dialog_id`` of a ``turn``. A
            picture may be a data URI, or :class:`~vqadata.images.embedded.Encoded`.

        Raises:
            BadRecord: The record cannot be used; it goes to quarantine as a whole.
        """

    def identity(self, record: RawRecord, members: dict[str, Any]) -> str | None:
        """The id of a record that cannot be used, if it has one under a usual name."""
        known = (members.get(name) for name in ("question_id", "questionId", "qid", "id"))
        usual = next((str(key) for key in known if isinstance(key, str | int)), None)
        return record.key or usual

    @classmethod
    def recognise(cls, look: Look) -> Recognition:
        """Tell files by the fields of their first records."""
        if not cls.signs:
            return Recognition()
        texts = [file for file in look.files if file.form not in COLUMNAR]
        fitting = [file for file in texts if cls.fits(file)]
        files = tuple(file.path for file in fitting)
        if files:
            had = (s for file in fitting for s in cls._all_signs() if s <= file.fields)
            told = next(had, None)
            why = f"records have {', '.join(sorted(told))}" if told else f"of {files[0].name}"
            return Recognition(files, {"data": list(files)}, why)
        nearest = max((file.fields & cls.signs for file in texts), key=len, default=frozenset())
        missing = (
            ", ".join(sorted(cls.signs - nearest)) if 2 * len(nearest) > len(cls.signs) else ""
        )
        return Recognition(missing=missing)

    @classmethod
    def fits(cls, file: FileLook) -> bool:
        """Whether a file is in this layout."""
        told = any(signs <= file.fields for signs in cls._all_signs())
        return told and not cls.unlike & file.fields

    @classmethod
    def _all_signs(cls) -> tuple[frozenset[str], ...]:
        return (cls.signs, *cls.other_signs)

    def input_files(self) -> list[Path]:
        """The files of records, and those that say more about them."""
        return [*self.data_files(), *self.side_files()]

    def data_files(self) -> list[Path]:
        """The files, and those of the folders among them in the order of their names."""
        return [file for path in self.data for file in self._expanded(path)]

    def side_files(self) -> list[Path]:
        """Files of which no record becomes a row; by default none."""
        return []

    def picture_roots(self) -> list[Path]:
        """The folders that are given, or those of the files and those known beside the first."""
        if self.image_root:
            return self.image_root
        folders = list(dict.fromkeys(file.parent for file in self.data_files()))
        beside = (folders[0] / name for name in self.picture_folders)
        return [*_around(folders), folders[0], *(each for each in beside if each.is_dir())]

    def batches(self, work: Workspace) -> Iterator[pa.RecordBatch]:
        """Read the files one after the other; see :class:`~vqadata.steps.Source`."""
        reading = Reading(self, work)
        names = ledger_names(self.input_files())
        for file in self.data_files():
            yield from reading.batches(file, names[file])

    def open(self, file: Path) -> Table:
        """Open one file."""
        return read_table(file, None, self.keep_whole_records, self.lists, self.keyed)

    def _expanded(self, path: Path) -> list[Path]:
        if not path.is_dir():
            return [path]
        files = [file for file in path.iterdir() if file.is_file() and self._reads(file)]
        if not files:
            expected = f"a folder with {' or '.join(self.suffixes)} files"
            raise VqaDataError(str(path), "no such file in it", expected, "Name the file.")
        return sorted(files)

    def _reads(self, file: Path) -> bool:
        suffixes = [suffix for suffix in file.suffixes if suffix.lower() not in PACKED_SUFFIXES]
        return bool(suffixes) and suffixes[-1].lower() in self.suffixes


def _around(folders: list[Path]) -> list[Path]:
    """The folder in which several folders lie near each other, such as ``train`` and ``test``."""
    try:
        around = Path(os.path.commonpath(folders))
    except ValueError:
        return []
    near = all(len(folder.relative_to(around).parts) <= NEAR for folder in folders)
    return [around] if len(folders) > 1 and near and around != Path(around.anchor or "/") else []
