"""The card of a dataset repository: what the front matter of its ``README.md`` says.

Format: https://huggingface.co/docs/hub/datasets-cards and, for the files of each split,
https://huggingface.co/docs/hub/datasets-manual-configuration.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any, NamedTuple

from vqadata.stores.incoming import here

CARD = "README.md"

LEVELS = 2
"""Folders above that of a file in which the card may be."""

_FRONT_MATTER = re.compile(r"---\s*\n(?P<yaml>.*?)\n---\s*(?:\n|$)", re.DOTALL)


class DatasetCard(NamedTuple):
    """What a card says."""

    licence: str | None = None
    files: tuple[tuple[str, str], ...] = ()
    """Patterns of paths, each with the split that they belong to."""

    def split_of(self, path: str) -> str | None:
        """The split of a file by its path inside the repository."""
        return next((split for files, split in self.files if fnmatchcase(path, files)), None)


def read_card(folder: Path) -> DatasetCard:
    """Read the card of a folder; an empty one if there is none, or none that can be read."""
    import yaml

    try:
        text = here(folder / CARD).read_text("utf-8")
    except (OSError, UnicodeDecodeError):
        return DatasetCard()
    found = _FRONT_MATTER.match(text)
    try:
        said = yaml.safe_load(found["yaml"]) if found else None
    except yaml.YAMLError:
        said = None
    if not isinstance(said, dict):
        return DatasetCard()
    licence = said.get("license")
    named = ", ".join(map(str, licence)) if isinstance(licence, list) else licence
    return DatasetCard(str(named) if named else None, tuple(_files(said.get("configs"))))


def card_of(file: Path) -> tuple[DatasetCard, str]:
    """The card of the repository that a file is in, and the file's path inside it.

    It stands in the folder of the file, or in one of :data:`LEVELS` above it. There it may be that
    of something else, so it counts if it names the file, or if the file's folder is ``data``.
    """
    for level, folder in enumerate(list(file.absolute().parents)[: LEVELS + 1]):
        card = read_card(folder)
        inside = file.absolute().relative_to(folder).as_posix()
        near = level == 0 or (level == 1 and file.parent.name == "data")
        if card.split_of(inside) or (near and card != DatasetCard()):
            return card, inside
    return DatasetCard(), file.name


def _files(configs: Any) -> Iterator[tuple[str, str]]:
    """The patterns of all configurations."""
    for config in _mappings(configs):
        for part in _mappings(config.get("data_files")):
            split, paths = part.get("split"), part.get("path")
            for path in paths if isinstance(paths, list) else [paths]:
                if isinstance(path, str) and isinstance(split, str):
                    yield path, split


def _mappings(value: Any) -> list[dict[str, Any]]:
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []
