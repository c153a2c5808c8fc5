"""Damages valid files at random, and says what must hold whatever was done to them.

    python -m tests.mutations --count 10000        # spread over all sources; 20 CPU minutes

For every source that is found, files of its fixture are changed: in their structure (a member
dropped, doubled, of another type, a huge number, NaN, a lone surrogate, deep nesting ...) or in
their bytes (truncated, flipped, with a BOM, with CRLF, packed ...). Whatever comes of it: no
traceback, one clear error or an account that adds up, and no record lost but the damaged one.
"""

from __future__ import annotations

import argparse
import gzip
import json
import os
import random
import shutil
import tempfile
import time
import traceback
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

from tests.contract import fixture_of
from vqadata import VqaDataError, convert, open_shards, sources, verify
from vqadata.discover import find, names
from vqadata.ledger import select_entries
from vqadata.steps import Source

Random = random.Random


class Nan:
    """Written as the bare word NaN, which is no JSON."""


VALUES: list[Callable[[Random], Any]] = [
    lambda _: None,
    lambda _: True,
    lambda r: r.choice([0, -1, 1, 2**31, 2**53 + 1, 2**63, 2**64, -(2**70), 10**30]),
    lambda r: r.choice([0.5, -0.0, 1e308, 1e-320, 9.5]),
    lambda r: r.choice(
        ["", " ", "x", "\0", "\ud800", "é" * 5, "a\nb\r\nc", "<image>", "../../etc/passwd"]
    ),
    lambda r: r.choice(["}, {", ']}"', '\\"', "{}", "[]", "null", "-1", "NaN", "\ufeff", "\u2028"]),
    lambda _: [],
    lambda _: {},
    lambda r: [None] * r.choice([1, 3, 50]),
    lambda r: {"": None, "question": r.choice([1, "x"])},
    lambda r: _nested(r.choice([5, 200, 3000])),
    lambda r: "x" * r.choice([300, 5000, 200_000]),
    lambda _: Nan(),
]
"""What may stand in the place of a value."""


def _nested(depth: int) -> Any:
    value: Any = "deep"
    for _ in range(depth):
        value = [value]
    return value


def places_in(value: Any, above: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """The paths of all values inside a document."""
    items = (
        value.items()
        if isinstance(value, dict)
        else enumerate(value)
        if isinstance(value, list)
        else ()
    )
    for key, inner in items:
        yield (*above, key)
        yield from places_in(inner, (*above, key))


class Change(NamedTuple):
    """What was done to a file."""

    what: str
    record: int | None = None
    """Number of the one record that was changed inside; ``None`` where it is not just one."""


def mutate_structure(document: Any, draw: Random) -> tuple[Any, Change]:
    """A changed copy of a document, and what was changed."""
    original = document
    document = json.loads(json.dumps(document))
    path = draw.choice(list(places_in(document)))
    holder = document
    for key in path[:-1]:
        holder = holder[key]
    change = draw.choice(["drop", "replace", "replace", "double", "rename", "swap"])
    key = path[-1]
    if change == "drop":
        del holder[key]
    elif change == "replace":
        holder[key] = draw.choice(VALUES)(draw)
    elif change == "double" and isinstance(holder, list):
        holder.insert(draw.randrange(len(holder) + 1), holder[key])
    elif change == "rename" and isinstance(holder, dict):
        holder[draw.choice([f"{key} ", str(key).upper(), "", "answers"])] = holder.pop(key)
    elif isinstance(holder, dict):
        other = draw.choice(list(holder))
        holder[key], holder[other] = holder[other], holder[key]
    else:
        draw.shuffle(holder)
    return document, Change(f"{change} at {'.'.join(map(str, path))}", _record_of(original, path))


def _record_of(document: Any, path: tuple[Any, ...]) -> int | None:
    """The number of the record inside which a path leads."""
    if isinstance(document, list):
        return path[0] if len(path) > 1 else None
    if isinstance(document[path[0]], list):
        return path[1] if len(path) > 2 else None
    return list(document).index(path[0]) if len(path) > 1 else None


def encode(document: Any, draw: Random) -> bytes:
    """The JSON text of a document, in one of the styles that people write."""
    style = draw.choice([{"indent": 1}, {"separators": (",", ":")}, {}, {"ensure_ascii": False}])
    try:
        text = json.dumps(document, default=lambda _: "@NaN@", **style).replace('"@NaN@"', "NaN")
        return text.encode("utf-8", "surrogatepass")
    except RecursionError:
        return json.dumps("too deep for json").encode()


INSERTED = [b'"', b"{", b"}", b"]", b"\\", b",", b"\0", b"\xff"]
"""Bytes that turn a document inside out."""


def mutate_bytes(data: bytes, draw: Random) -> tuple[bytes, Change]:
    """Changed bytes, and what was changed."""
    at = draw.randrange(len(data) + 1)
    end = min(len(data), at + draw.choice([1, 1, 2, 10, 200]))
    changes: dict[str, Callable[[], bytes]] = {
        "truncate": lambda: data[:at],
        "cut out": lambda: data[:at] + data[end:],
        "flip": lambda: data[:at] + bytes([draw.randrange(256)]) + data[at + 1 :],
        "insert": lambda: data[:at] + draw.choice(INSERTED) + data[at:],
        "repeat": lambda: data[:end] + data[at:],
        "byte-order mark": lambda: b"\xef\xbb\xbf" + data,
        "CRLF": lambda: data.replace(b"\n", b"\r\n"),
        "gzip": lambda: gzip.compress(data, mtime=0),
        "truncated gzip": lambda: gzip.compress(data, mtime=0)[: max(2, at // 4)],
        "UTF-16": lambda: data.decode("utf-8", "replace").encode("utf-16"),
        "empty": lambda: b"",
        "trailing": lambda: data + draw.choice([b"x", b"{}", b"[]", b"\n\n", b"\0"]),
    }  # fmt: skip
    what = draw.choice(list(changes))
    return changes[what](), Change(f"{what} at byte {at}")


def mutate(path: Path, draw: Random) -> Change:
    """Change a file; say how."""
    data = path.read_bytes()
    if draw.random() < 0.6 and (parsed := _parsed(data)) is not None:
        lines, document = parsed
        changed, what = mutate_structure(document, draw)
        if lines and isinstance(changed, list):
            path.write_bytes(
                b"\n".join(encode(each, Random(0)).replace(b"\n", b" ") for each in changed)
            )
        else:
            path.write_bytes(encode(changed, draw))
        return what
    changed_bytes, what = mutate_bytes(data, draw)
    path.write_bytes(changed_bytes)
    return what


def _parsed(data: bytes) -> tuple[bool, Any] | None:
    """The document that bytes hold, and whether it is JSON lines; ``None`` if it is no JSON."""
    try:
        document = json.loads(data)
        return (False, document) if document and isinstance(document, dict | list) else None
    except ValueError:
        pass
    try:
        return True, [json.loads(line) for line in data.splitlines() if line.strip()] or None
    except ValueError:
        return None


SHOWN = 500
"""Mutations after which the command says how far it is."""

CROSS = {
    "duplicate-question-id", "answers-without-question", "question-without-answers",
    "image-id-mismatch", "bad-annotation", "ambiguous-picture",
}  # fmt: skip
"""Reasons by which one record's fault may cost another one."""


DESCRIPTIONS = {"dataset_info.json"}
"""Files of which one record says how all of another file are read."""


ROWS: list[dict[str, Any]] = [
    {"id": n, "image": f"{n % 3}.png", "question": f"What is number {n}?", "answer": str(n)}
    for n in range(6)
]
PAIRS = [[{"question": f"{n}, {i}?", "answer": "yes"} for i in range(3)] for n in range(3)]
FIELDS = ["image=image", "question=question", "answer=answer"]

FORMS: dict[str, Any] = {
    "columns": {key: [row[key] for row in ROWS] for key in ROWS[0]},
    "columns by row": {
        key: {str(n): row[key] for n, row in enumerate(ROWS)} for key in ROWS[0]
    },
    "columns, index, data": {
        "columns": [*ROWS[0]], "index": [*range(6)], "data": [[*row.values()] for row in ROWS]
    },
    "splits": {"info": {"version": 1}, "train": ROWS[:4], "validation": ROWS[4:]},
    "questions of pictures": [{"image": f"{n}.png", "qa": PAIRS[n]} for n in range(3)],
    "parallel lists": [
        {"image": f"{n}.png", "questions": ["a?", "b?"], "answers": ["yes", "no"]}
        for n in range(3)
    ],
}  # fmt: skip
"""Documents that hold questions otherwise than in one list, as ``custom`` reads them."""

NESTED = {
    "questions of pictures": ["image=image", "question=qa.*.question", "answer=qa.*.answer"],
    "parallel lists": ["image=image", "question=questions.*", "answer=answers.*"],
}
"""Their fields, where they are not :data:`FIELDS`."""


def kinds() -> list[str]:
    """The sources, and the forms of documents that ``custom`` reads."""
    return [*names(sources), *(f"custom: {form}" for form in FORMS)]


def lay_out(name: str, folder: Path) -> None:
    """The files of one of :func:`kinds`, with the options to read them."""
    shutil.rmtree(folder, ignore_errors=True)
    source, _, form = name.partition(": ")
    shutil.copytree(fixture_of(source), folder)
    if form:
        (folder / "data.jsonl").unlink()
        (folder / "data.json").write_text(json.dumps(FORMS[form]))
        options = {"data": "data.json", "field": NESTED.get(form, FIELDS)}
        (folder / "options.json").write_text(json.dumps(options))


class Row(NamedTuple):
    """Where a kept row came from."""

    file: str
    index: int
    part: int


def kept_rows(shards: Path) -> set[Row]:
    """The rows of a finished folder."""
    origins = [record.origin for record in open_shards(shards).records()]
    return {Row(o.file, o.index, o.part or 0) for o in origins}


def collateral(before: set[Row], shards: Path, file: Path, record: int) -> str:
    """Rows of other records that were lost with the damaged one, but for reasons that may be."""
    path = file.as_posix()
    others = {row for row in before if row.index != record or not path.endswith(row.file)}
    lost = others - kept_rows(shards)
    noted = {(e.file, e.index): e.reason for e in select_entries(shards) if e.action != "flagged"}
    wrong = [row for row in lost if noted.get((row.file, row.index)) not in CROSS]
    return f"lost with record {record} of {file.name}: {sorted(wrong)}" if wrong else ""


class Outcome(NamedTuple):
    """What came of one mutation."""

    source: str
    what: str
    result: str
    """``converted``, the class of a clear error, or what is wrong."""
    wrong: str = ""


def try_one(name: str, seed: int, folder: Path, before: set[Row]) -> Outcome:
    """Damage a fixture and convert it; what is wrong with the outcome is said."""
    draw = Random(f"{name} {seed}")
    copy = folder / "fixture"
    shutil.rmtree(folder, ignore_errors=True)
    lay_out(name, copy)
    file = draw.choice(_data_files(copy))
    change = mutate(file, draw)
    try:
        convert(_source(name, copy, draw.random() < 0.3), folder / "out")
    except VqaDataError as error:
        return Outcome(name, change.what, type(error).__name__, _unclear(error, folder))
    except Exception:  # noqa: BLE001 - that is what is looked for
        return Outcome(name, change.what, "traceback", traceback.format_exc())
    wrong = "; ".join(verify(folder / "out").problems)
    if not wrong and change.record is not None and file.name not in DESCRIPTIONS:
        wrong = collateral(before, folder / "out", file, change.record)
    return Outcome(name, change.what, "converted", wrong)


def _source(name: str, fixture: Path, keep_whole: bool | None = None) -> Source:
    options = json.loads((fixture / "options.json").read_text())
    if keep_whole is not None:
        options["keep_whole_records"] = keep_whole
    kind = find(sources, Source, name.partition(": ")[0])
    return kind.model_validate(_rooted(options, fixture))


def undamaged(name: str, folder: Path) -> set[Row]:
    """The rows that the fixture gives as it is."""
    shutil.rmtree(folder, ignore_errors=True)
    lay_out(name, folder / "fixture")
    convert(_source(name, folder / "fixture"), folder / "out")
    return kept_rows(folder / "out")


def _unclear(error: VqaDataError, folder: Path) -> str:
    """What is wrong with an error: it must be one line, and leave no folder behind."""
    text = str(error)
    if "\n" in text.strip():
        return f"several lines: {text}"
    if len(text) > 3000:
        return f"{len(text)} characters: {text[:300]}"
    return "a folder was left" if (folder / "out").exists() else ""


def _rooted(value: Any, folder: Path) -> Any:
    if isinstance(value, dict):
        return {key: _rooted(each, folder) for key, each in value.items()}
    if isinstance(value, list):
        return [_rooted(each, folder) for each in value]
    there = isinstance(value, str) and (folder / value).exists()
    return str(folder / value) if there else value


def _data_files(fixture: Path) -> list[Path]:
    own = {"options.json", "expected.json", "map.yaml"}
    pictures = {".png", ".jpg", ".jpeg"}
    files = [path for path in sorted(fixture.rglob("*")) if path.is_file()]
    return [path for path in files if path.name not in own and path.suffix not in pictures]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--count", type=int, default=10_000)
    parser.add_argument("--source", action="append", help="only this source; repeatable")
    parser.add_argument(
        "--first", type=int, default=0, help="first seed; a source gets COUNT / sources of them"
    )
    chosen = parser.parse_args()
    os.fsync = lambda _: None  # half of the time; nothing here has to outlive the machine
    chosen_kinds = chosen.source or kinds()
    results: Counter[tuple[str, str]] = Counter()
    start, wrong = time.time(), 0
    with tempfile.TemporaryDirectory() as folder:
        work = Path(folder) / "work"
        before = {name: undamaged(name, work) for name in chosen_kinds}
        for number in range(chosen.count):
            name, seed = (
                chosen_kinds[number % len(chosen_kinds)],
                chosen.first + number // len(chosen_kinds),
            )
            outcome = try_one(name, seed, work, before[name])
            results[name, outcome.result] += 1
            if outcome.wrong:
                wrong += 1
                print(f"WRONG: {name} seed {seed}: {outcome.what}: {outcome.result}")
                print(outcome.wrong, end="\n\n", flush=True)
            if number % SHOWN == SHOWN - 1:
                took = time.time() - start
                print(f"{number + 1:,} in {took:.0f} s, {wrong} of them wrong", flush=True)
    for (name, result), count in sorted(results.items()):
        print(f"{name:29} {result:20} {count:,}")
    print(f"{chosen.count:,} mutations in {time.time() - start:.0f} s, {wrong} of them wrong")


if __name__ == "__main__":
    main()
