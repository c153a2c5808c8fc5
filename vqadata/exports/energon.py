"""Megatron-Energon: WebDataset shards, indexed and described, samples of type VQASample.

Format: https://nvidia.github.io/Megatron-Energon/basic/data_prep.html, as release 7 prepares it.
The folder::

    train-000000.tar, train-000000.tar.idx    samples as in WebDataset; where each begins
    .nv-meta/.info.json                       number of samples of each tar file
    .nv-meta/split.yaml                       which tar files are train, val and test
    .nv-meta/dataset.yaml                     how a sample becomes a VQASample
    .nv-meta/index.sqlite, index.uuid         where each sample and each of its members lies

A split is train, val or test by its name: ``val2014`` and ``dev`` are val, ``test-dev`` is test.
Load with: ``get_train_dataset("OUT", ...)``
"""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import ClassVar

import yaml
from pydantic import Field

from vqadata.exporting.collecting import Collection
from vqadata.exporting.outbox import CONVERSATION_TURN, SEVERAL_PICTURES, Outbox, file_bytes
from vqadata.layouts.tar_shards import TAR, TarShards, document_of, repeated_size, shown_rows
from vqadata.shards.manifest import BatchEntry
from vqadata.shards.reader import Shards
from vqadata.steps import Export

RELEASE = "7.4.1"
"""The release of Megatron-Energon whose form the folder has."""

_EXTENSIONS = "extensions"
"""Kind of the notes that name what pictures are called."""

_PARTS = {"test": r"test", "val": r"val|dev"}
"""Part of a data set, and what the name of its split holds; anything else is train."""


class Energon(Export):
    """Megatron-Energon 7: indexed WebDataset shards with their .nv-meta folder."""

    example: ClassVar[str] = "vqadata export energon shards -o energon"

    shard_mb: int = Field(1000, ge=1, description="Megabytes after which a tar file is closed.")

    def write(self, shards: Shards, outbox: Outbox) -> None:
        """Write tar files; see :class:`~vqadata.steps.Export`."""
        files = TarShards(outbox, self.shard_mb, indexed=True)
        for row in shown_rows(shards, outbox):
            if len(row.pictures) > 1:
                outbox.leave_out(SEVERAL_PICTURES, row.questions)
                continue
            turns = [record for record in row.questions if record["dialog_id"] is not None]
            outbox.leave_out(CONVERSATION_TURN, turns)
            alone = [record for record in row.questions if record["dialog_id"] is None]
            for record in alone:
                files.add(row.split, row.pictures, document_of(record))
            outbox.deliver(row.split, len(alone), len(alone))
            outbox.note(_EXTENSIONS, row.pictures[0].extension)
        files.finish()

    @property
    def piece_bytes(self) -> int:
        """That of a file."""
        return file_bytes(self.shard_mb)

    def size_of(self, batch: BatchEntry) -> int:
        """As much as it has pictures, for as many samples."""
        return repeated_size(batch)

    def finish(self, shards: Shards, collection: Collection) -> None:  # noqa: ARG002 - not asked for here
        """Write what describes the tar files."""
        splits = {name: split for split, name in collection.names.items()}
        files = [part for part in collection.parts if part.pattern == TAR]
        shards_of = {part.path: (splits[part.split], part.rows) for part in files}
        extensions = {"jpg", *collection.notes.get(_EXTENSIONS, ())}
        _describe(collection.folder / ".nv-meta", shards_of, extensions)


def part_of(split: str) -> str:
    """The part of a data set that a split is.

    >>> [part_of(name) for name in ("train2014", "val2014", "TextVQA_validation", "test-dev", "")]
    ['train', 'val', 'val', 'test', 'train']
    """
    return next((p for p, words in _PARTS.items() if re.search(words, split.lower())), "train")


def _describe(folder: Path, files: dict[str, tuple[str, int]], extensions: set[str]) -> None:
    """Write the folder ``.nv-meta``; each file has its split and the number of its samples."""
    folder.mkdir()
    parts: dict[str, list[str]] = {"train": [], "val": [], "test": []}
    for path, (split, _) in sorted(files.items()):
        parts[part_of(split)].append(path)
    counts = {path: samples for path, (_, samples) in sorted(files.items())}
    info = {"energon_version": RELEASE, "shard_counts": counts}
    (folder / ".info.json").write_text(json.dumps(info, indent=2) + "\n", encoding="utf-8")
    _write_yaml(folder / "split.yaml", {"split_parts": parts, "exclude": []})
    fields = {
        "image": ",".join(sorted(extensions)),
        "context": "json[question]",
        "answers": "json[answers]",
    }
    kind = {"__module__": "megatron.energon", "__class__": "VQASample"}
    _write_yaml(folder / "dataset.yaml", {"sample_type": kind, "field_map": fields})


def _write_yaml(path: Path, document: object) -> None:
    path.write_text(yaml.safe_dump(document, sort_keys=False), encoding="utf-8")
