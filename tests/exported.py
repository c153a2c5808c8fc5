"""Shards with everything that an export can meet, and a way to run any export on them."""

from __future__ import annotations

import io
import json
import shlex
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pyarrow as pa
from click.testing import CliRunner

from tests.conftest import encoded
from vqadata import convert, exports
from vqadata.cli import program
from vqadata.discover import find, names
from vqadata.exporting.receipt import Receipt, read_receipt
from vqadata.record import Answer, Origin, Placeholder, Record, to_batches
from vqadata.steps import Export, Source, Workspace

NAMES = names(exports)


class MadeRecords(Source):
    """Records that a test has made."""

    folder: Path
    records: list[Record]
    missing_pictures: str = "keep"
    unanswered: str = "keep"
    text_only: str = "keep"

    def input_files(self) -> list[Path]:
        return [self.folder / "made.json"]

    def batches(self, work: Workspace) -> Iterator[pa.RecordBatch]:
        work.ledger.see("made.json", len(self.records))
        yield from to_batches(self.records)


def record(number: int, **members: Any) -> Record:
    """A record about ``a/source.png`` that is answered, unless ``members`` say otherwise."""
    plain = {
        "question_id": str(number),
        "image_path": "a/source.png",
        "text": f"Question {number}?",
        "answers": [Answer(answer=f"answer {number}")],
        "origin": Origin(source="made", file="made.json", index=number),
        "split": "train",
    }
    return Record(**(plain | members))


def make_shards(
    folder: Path, records: list[Record], pictures: Mapping[str, bytes] | None = None
) -> Path:
    """Convert records about some small pictures; return the folder of shards."""
    raw = folder / "raw"
    for name, colour in (("a/source.png", "navy"), ("b/source.png", "teal")):
        (raw / name).parent.mkdir(parents=True, exist_ok=True)
        (raw / name).write_bytes(encoded(colour))
    (raw / "c.v1.jpg").write_bytes(encoded("maroon", kind="JPEG"))
    (raw / "broken.jpg").write_bytes(b"no picture")
    for name, data in (pictures or {}).items():
        (raw / name).write_bytes(data)
    (raw / "made.json").write_text("[]")
    convert(MadeRecords(folder=raw, records=records), folder / "shards")
    return folder / "shards"


TALK = {"dialog_id": "talk", "image_path": "a/source.png", "more_image_paths": ["b/source.png"]}

EVERYTHING = [
    record(0),
    record(1, image_path="b/source.png", answers=[Answer(answer="A <bbox> mark")]),
    record(2, image_path="c.v1.jpg", split="val-1", licence="CC BY 4.0"),
    record(3, text="Before  after", placeholders=[Placeholder(image=0, offset=7)]),
    record(4, turn=1, text="And now?", placeholders=[Placeholder(image=1, offset=0)], **TALK),
    record(5, turn=0, system="Be kind.", placeholders=[Placeholder(image=0, offset=11)], **TALK),
    record(6, answers=[], split="val 1"),
    record(7, rejected=["worse", "worst"]),
    record(8, image_path="broken.jpg"),
    record(9, image_path="not/there.jpg"),
    record(10, split=None, text="Was ist <ref-object> größer?"),
    record(11, image_path=None, text="What is two and two?"),
]


def command_of(name: str) -> list[str]:
    """The example of an export: its words after ``vqadata``."""
    return shlex.split(find(exports, Export, name).example)[1:]


def run_example(name: str, shards: Path, out: Path, *more: str) -> Receipt:
    """Run the example of an export on some shards."""
    words = command_of(name)
    words[words.index("shards")] = str(shards)
    words[words.index("-o") + 1] = str(out)
    done = CliRunner().invoke(program, [*words, *more])
    if done.exception is not None:
        raise done.exception
    return read_receipt(out)


def encoded_noise(seed: int = 0) -> bytes:
    """A picture that no compression makes smaller, some 30 KB."""
    import numpy as np
    from PIL import Image

    pixels = np.random.default_rng(seed).integers(0, 256, (100, 100, 3), np.uint8)
    out = io.BytesIO()
    Image.fromarray(pixels).save(out, "PNG")
    return out.getvalue()


def lines(path: Path) -> list[dict[str, Any]]:
    """The rows of a file of JSON lines."""
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def tree(folder: Path) -> dict[str, bytes]:
    """All files of a folder."""
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }
