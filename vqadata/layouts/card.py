"""The card of a data set on the Hugging Face hub: YAML for machines, then words for people.

Format: https://huggingface.co/docs/hub/datasets-cards and
https://github.com/huggingface/hub-docs/blob/main/datasetcard.md
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import yaml

from vqadata.exporting.collecting import Collection
from vqadata.exporting.outbox import Outbox, Part
from vqadata.record import Record
from vqadata.shards.features import card_features
from vqadata.shards.reader import Shards

if TYPE_CHECKING:
    import pyarrow as pa

SIZES = [(10**3, "n<1K"), (10**4, "1K<n<10K"), (10**5, "10K<n<100K"), (10**6, "100K<n<1M"),
         (10**7, "1M<n<10M")]  # fmt: skip
"""Size categories of the hub: fewer rows than ``n``, and the category's name."""

_LICENCES = {
    r"cc0|zero": "cc0-1.0",
    r"attribution 4\.0|cc[- ]by[- ]4\.0|/by/4\.0": "cc-by-4.0",
    r"attribution-?sharealike 4\.0|cc[- ]by[- ]sa[- ]4\.0|/by-sa/4\.0": "cc-by-sa-4.0",
    r"\bmit\b": "mit",
    r"apache": "apache-2.0",
}
"""What a licence may be called, and its name on the hub."""

_LICENCE = "licence"
"""Kind of the notes that name a licence."""


class CardFacts(NamedTuple):
    """What a card tells."""

    title: str
    licence: str | None
    configs: Mapping[str, tuple[list[Part], list[pa.Field]]]
    """Files and columns by the name of the configuration; the first one is the default."""
    shards: Shards


def write_card(folder: Path, facts: CardFacts) -> None:
    """Write ``README.md`` into the folder of a data set."""
    head = yaml.safe_dump(card_head(facts), sort_keys=False, allow_unicode=True)
    body = "\n".join(_body(facts))
    (folder / "README.md").write_text(f"---\n{head}---\n\n{body}\n", encoding="utf-8")


def card_head(facts: CardFacts) -> dict[str, Any]:
    """The YAML of a card."""
    configs = {name: parts for name, (parts, _) in facts.configs.items()}
    first = next(iter(configs))
    infos = [_dataset_info(name, *facts.configs[name]) for name in configs]
    rows = sum(part.rows for part in configs[first])
    return {
        "pretty_name": facts.title,
        **_licence(facts.licence),
        "task_categories": ["visual-question-answering"],
        "size_categories": [next((name for n, name in SIZES if rows < n), "n>10M")],
        "tags": ["vqa", "vqadata"],
        "configs": [
            {"config_name": name, "data_files": _data_files(parts), **_default(name == first)}
            for name, parts in configs.items()
        ],
        "dataset_info": infos if len(infos) > 1 else infos[0],
    }


def note_licences(shards: Shards, outbox: Outbox) -> None:
    """Note which licences the rows of a piece name."""
    for batch in shards.batches(["questions"]):
        for name in batch.column("questions").flatten().field("licence").unique().to_pylist():
            outbox.note(_LICENCE, name)


def known_licence(collection: Collection) -> str | None:
    """The licence of all rows, if they name one and the same."""
    names: list[str | None] = collection.notes.get(_LICENCE, [])
    return names[0] if len(names) == 1 else None


def _licence(licence: str | None) -> dict[str, str]:
    """The licence as the hub wants it: a name that it knows, or ``other`` with words."""
    if licence is None:
        return {"license": "unknown"}
    known = [name for words, name in _LICENCES.items() if re.search(words, licence, re.IGNORECASE)]
    return {"license": known[0]} if known else {"license": "other", "license_name": licence}


def _default(is_default: bool) -> dict[str, bool]:
    return {"default": True} if is_default else {}


def _data_files(parts: list[Part]) -> list[dict[str, str]]:
    paths = {part.split: part.path.rpartition("/")[0] for part in parts}
    return [
        {"split": split, "path": f"{folder}/{split}-*.parquet"} for split, folder in paths.items()
    ]


def _dataset_info(name: str, parts: list[Part], fields: list[pa.Field]) -> dict[str, Any]:
    splits = dict.fromkeys(part.split for part in parts)
    return {
        "config_name": name,
        "features": card_features(fields),
        "splits": [_split_info(split, parts) for split in splits],
        "download_size": sum(part.bytes for part in parts),
        "dataset_size": sum(part.arrow_bytes for part in parts),
    }


def _split_info(split: str, parts: list[Part]) -> dict[str, Any]:
    own = [part for part in parts if part.split == split]
    return {
        "name": split,
        "num_bytes": sum(part.arrow_bytes for part in own),
        "num_examples": sum(part.rows for part in own),
    }


def _body(facts: CardFacts) -> Iterator[str]:
    """The words of a card."""
    manifest = facts.shards.manifest
    yield f"# {facts.title}\n"
    yield f"{manifest.questions:,} questions on {manifest.pictures:,} picture sets, by vqadata."
    yield f"`export.json` is the receipt of this export; the data is `{facts.shards.digest}`.\n"
    yield "## How it was made\n"
    for step in manifest.steps:
        yield f"- {step.step} `{step.name}`"
    yield "\n| input file | rows | kept | dropped | quarantined |\n|---|---|---|---|---|"
    for entry in manifest.balance:
        dropped, quarantined = sum(entry.dropped.values()), sum(entry.quarantined.values())
        yield f"| {entry.file} | {entry.seen:,} | {entry.kept:,} | {dropped:,} | {quarantined:,} |"
    yield "\n## Columns\n\n| column | holds |\n|---|---|"
    for _, fields in facts.configs.values():
        for field in fields:
            yield f"| `{field.name}` | {COLUMN_WORDS.get(field.name, '')} |"


COLUMN_WORDS = {name: field.description or "" for name, field in Record.model_fields.items()} | {
    "image": "The picture; null in a text-only row.",
    "more_images": "Further pictures of the same question, in order.",
    "images": "The pictures, in the order in which the text mentions them.",
    "prompt": "The messages up to the question.",
    "completion": "The answer to train on, as one message.",
    "chosen": "The better answer, as one message.",
}
"""What each column holds, in words."""
