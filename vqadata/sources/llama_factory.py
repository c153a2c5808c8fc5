"""LLaMA-Factory: data sets of any column names, as ``dataset_info.json`` describes them.

Format: https://github.com/hiyouga/LLaMA-Factory/blob/main/data/README.md. An entry names a file,
its formatting (``alpaca``, ``sharegpt`` or ``openai``), its columns, and for conversations the
tags: which field says who speaks, and what the speakers are called. Licence: the files' own; it can
be named with ``--licence``.

All data sets are read whose files lie beside ``dataset_info.json``, or those of ``--dataset``;
others lie on a hub and have to be fetched first. Pictures are looked for in the same folder. Of a
``ranking`` data set the chosen answer is the answer and the other one is rejected; an answer with
the ``kto_tag`` false is a rejected one. Several turns become linked records.

One entry, and one record of its file::

    {"mine": {"file_name": "mine.json", "formatting": "sharegpt",
              "columns": {"messages": "dialog", "images": "pictures"},
              "tags": {"role_tag": "who", "content_tag": "says", "user_tag": "customer",
                       "assistant_tag": "clerk"}}}
    {"dialog": [{"who": "customer", "says": "<image>What is it?"},
                {"who": "clerk", "says": "A cup."}], "pictures": ["1.jpg"]}
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any, ClassVar

from pydantic import Field

from vqadata.converting.look import Look
from vqadata.errors import OptionError, VqaDataError
from vqadata.layouts.described import INFO, Described, entries_in, read_info
from vqadata.layouts.messages import chat_rows
from vqadata.layouts.row_reading import Lost
from vqadata.layouts.row_source import RowSource
from vqadata.layouts.table import Table
from vqadata.reading.json_scan import RawRecord
from vqadata.record import Row
from vqadata.steps import Recognition

SHOWN = 12
"""Names of data sets that an error says."""


class LlamaFactory(RowSource):
    """LLaMA-Factory: data sets of any column names, as dataset_info.json describes them."""

    example: ClassVar[str] = "vqadata convert llama-factory data/dataset_info.json -o shards"
    suffixes: ClassVar[tuple[str, ...]] = (".json", ".jsonl", ".csv")

    dataset: list[str] = Field(
        default_factory=list,
        description="Name of a data set in dataset_info.json; may be given several times. By "
        "default all whose files are there.",
        json_schema_extra={"metavar": "NAME"},
    )

    @classmethod
    def recognise(cls, look: Look) -> Recognition:
        """Tell dataset_info.json, and the files that it lists."""
        infos = [file.path for file in look.files if file.path.name == INFO and file.records]
        found = {info: entries_in(info) for info in infos}
        there = [info for info in infos if any(each.is_here for each in found[info].values())]
        if not there:
            listed = any(found.values())
            return Recognition(missing=f"the files that {INFO} lists" if listed else "")
        files = [*there, *(file for info in there for file in _files(found[info]))]
        sets = [name for info in there for name, each in found[info].items() if each.is_here]
        why = f"{INFO} describes {', '.join(sets[:SHOWN])}"
        return Recognition(tuple(files), {"data": there}, why)

    def data_files(self) -> list[Path]:
        """The files of the data sets that are read."""
        return list(self._entries)

    def side_files(self) -> list[Path]:
        """The descriptions."""
        return self._infos

    def picture_roots(self) -> list[Path]:
        """The folders that are given, or those of dataset_info.json."""
        return self.image_root or [info.parent for info in self._infos]

    def rows(
        self, record: RawRecord, members: dict[str, Any], table: Table
    ) -> Sequence[Row | Lost]:
        """A row for each turn; see :class:`~vqadata.layouts.row_source.RowSource`."""
        described = self._entries[table.path]
        rows = chat_rows(record, members, lambda: described.conversation(record, members))
        split = {"split": described.split} if described.split else {}
        return [row if isinstance(row, Lost) else split | row for row in rows]

    @property
    def _infos(self) -> list[Path]:
        return [path / INFO if path.is_dir() else path for path in self.data]

    @cached_property
    def _entries(self) -> dict[Path, Described]:
        """The description of each file."""
        known = {name: each for info in self._infos for name, each in read_info(info).items()}
        for name in self.dataset:
            if name not in known:
                said = ", ".join([*known][:SHOWN])
                raise OptionError("--dataset", f"no data set {name!r}", f"one of {said}")
            if not known[name].is_here:
                raise OptionError(
                    "--dataset", f"{name}: {known[name].where}", "a file that is there"
                )
        chosen = [each for name, each in known.items() if name in (self.dataset or known)]
        here = [each for each in chosen if each.is_here]
        if not here:
            found = f"none of the files of {', '.join([*known][:SHOWN])}"
            raise VqaDataError(str(self._infos[0]), found, "files beside it", "Fetch them first.")
        return _by_file(here)


def _by_file(entries: list[Described]) -> dict[Path, Described]:
    by_file: dict[Path, Described] = {}
    for each in entries:
        for file in each.files:
            other = by_file.setdefault(file, each)
            if other is not each:
                found = f"{other.name} and {each.name} both name {file.name}"
                raise OptionError("--dataset", found, "one", f"Choose: --dataset {each.name}")
    return by_file


def _files(entries: dict[str, Described]) -> Iterator[Path]:
    for each in entries.values():
        yield from each.files
