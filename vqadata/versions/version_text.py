"""Turns what became of versions of a data set, splits and differences, into text."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from dataclasses import asdict
from itertools import islice
from pathlib import Path
from typing import Any, Literal, NamedTuple

from vqadata.commands.printing import CELL, counted, table
from vqadata.rearranging.regrouping import RegroupOutcome
from vqadata.rearranging.splitting import SplitOutcome
from vqadata.shards.manifest import Manifest
from vqadata.shards.reader import Shards
from vqadata.versions.comparison import Changed, Difference, OneSided
from vqadata.versions.lineage import Otherwise

Kind = Literal["added", "removed", "changed"]

KINDS: tuple[Kind, ...] = ("added", "removed", "changed")


class View(NamedTuple):
    """What of a difference is asked for."""

    kinds: tuple[Kind, ...] = KINDS
    """Rows of these kinds."""
    whole: bool = True
    """Pictures, ledgers and history as well."""

    def equal(self, found: Difference) -> bool:
        """Whether what is asked for is equal; another history alone is no difference."""
        return found.equal if self.whole else not any(found.counts[kind] for kind in self.kinds)


def parts(outcome: SplitOutcome, out: Path | str) -> str:
    """What each part got, and what a person should know before trusting it."""
    rows: list[tuple[str, ...]] = [("part", "rows", "pictures", "share wanted", "share got")]
    rows += [
        (part.name, f"{part.rows:,}", f"{part.pictures:,}", f"{part.wanted:.1%}", f"{part.got:.1%}")
        for part in outcome.parts
    ]
    groups = counted(outcome.groups, "picture group")
    lines = [*table(rows), f"{groups}, the largest of {counted(outcome.largest, 'row')}"]
    if outcome.shared:
        shown = counted(outcome.shared, "picture")
        lines.append(f"warning: {shown} of the parts also in a split that was kept as it is")
    return "\n".join([*lines, _size(outcome.manifest, out)])


def moves(outcome: RegroupOutcome, out: Path | str) -> str:
    """How many rows went from which split to which."""
    if not outcome.moved:
        return f"no two splits have a picture in common\n{_size(outcome.manifest, out)}"
    rows: list[tuple[str, ...]] = [("from", "to", "rows")]
    rows += [(one or "(no name)", to, f"{n:,}") for (one, to), n in outcome.moved.items()]
    groups = counted(outcome.groups, "picture group")
    largest = f"{groups} moved as a whole, the largest of {counted(outcome.largest, 'row')}"
    return "\n".join([*table(rows), largest, _size(outcome.manifest, out)])


def _size(manifest: Manifest, out: Path | str) -> str:
    size = f"{counted(manifest.questions, 'question')} on {counted(manifest.pictures, 'picture')}"
    return f"{out}: {size} in {counted(len(manifest.shards), 'shard')}; the account adds up"


def difference(found: Difference, view: View, limit: int) -> Iterator[str]:
    """What changed, for a person: counts first, then at most ``limit`` rows of each kind."""
    yield f"A  {_summary(found.a)}"
    yield f"B  {_summary(found.b)}"
    yield f"rows: {_counts({kind: found.counts[kind] for kind in (*view.kinds, 'unchanged')})}"
    if view.whole:
        yield from _pictures(found, limit)
        yield from _ledger(found)
        yield from (f"done otherwise: {_otherwise(each)}" for each in found.otherwise)
    for kind in view.kinds:
        yield from _rows(found, kind, limit)


def difference_json(found: Difference, view: View) -> Iterator[str]:
    """What changed, for a program: one JSON document, a line a row, read as it is printed."""
    head: dict[str, Any] = {
        "a": {"folder": found.a.where, "digest": found.a.digest},
        "b": {"folder": found.b.where, "digest": found.b.digest},
        "equal": view.equal(found),
        "counts": found.counts,
        "fields": found.fields,
        "reasons": found.reasons,
    }
    if view.whole:
        for name in ("pictures", "ledger", "otherwise"):
            head[name] = [each._asdict() for each in getattr(found, name)]
    yield json.dumps(head, indent=1, ensure_ascii=False).removesuffix("\n}") + ","
    for kind in view.kinds:
        yield f' "{kind}": ['
        lines = (json.dumps(asdict(row), ensure_ascii=False) for row in _of(found, kind))
        yield from (f"  {line}" for line in islice(lines, 1))
        # The comma stands before a line: which one is the last is not known before.
        yield from (f" ,{line}" for line in lines)
        yield " ]" if kind == view.kinds[-1] else " ],"
    yield "}"


def _of(found: Difference, kind: Kind) -> Iterator[OneSided | Changed]:
    if kind == "changed":
        yield from found.changed()
    else:
        yield from found.added() if kind == "added" else found.removed()


def _rows(found: Difference, kind: Kind, limit: int) -> Iterator[str]:
    """The rows of one kind, by reason or field, then one by one."""
    count = found.counts[kind]
    if not count:
        return
    grouped = found.fields if kind == "changed" else found.reasons[kind]
    yield f"{kind} {count:,}: " + ", ".join(f"{name} {n:,}" for name, n in grouped.items())
    for row in islice(_of(found, kind), limit):
        yield f"  {row.file}: record {row.index} question {row.question_id}{_said(row)}"
    yield from _hidden(count, limit)


def _said(row: OneSided | Changed) -> str:
    """What is known of one row."""
    if isinstance(row, Changed):
        return "".join(f"\n    {name}: {_turn(*map(_value, pair))}" for name, pair in
                       row.fields.items())  # fmt: skip
    if row.why is None:
        return ""
    said = f": {row.why['action']} by {row.why['step']}, {row.why['reason']}"
    detail = row.why["evidence"] or row.why["found"]
    return f"{said} ({_short(detail)})" if detail else said


def _pictures(found: Difference, limit: int) -> Iterator[str]:
    changed = [change for change in found.pictures if change.a and change.b]
    removed = [change for change in found.pictures if not change.b]
    added = [change for change in found.pictures if not change.a]
    counts = {"added": len(added), "removed": len(removed), "changed": len(changed)}
    yield f"pictures: {_counts(counts)}"
    for kind, changes in (("removed", removed), ("added", added), ("changed", changed)):
        yield from (f"  {kind}: {each.path}" for each in changes[:limit])
        yield from _hidden(len(changes), limit)


def _ledger(found: Difference) -> Iterator[str]:
    if not found.ledger:
        return
    rows: list[tuple[str, ...]] = [("ledger", "A", "B")]
    rows += [(f"{c.action} by {c.step}: {c.reason}", f"{c.a:,}", f"{c.b:,}") for c in found.ledger]
    yield from table(rows)


def _otherwise(each: Otherwise) -> str:
    if each.a is None or each.b is None:
        side = "B" if each.a is None else "A"
        return f"{each.what}: only {side} has {_short(each.a or each.b or '')}"
    return f"{each.what}: {_turn(each.a, each.b)}"


def _summary(shards: Shards) -> str:
    manifest = shards.manifest
    size = f"{counted(manifest.questions, 'question')} on {counted(manifest.pictures, 'picture')}"
    return f"{shards.where}: {size}, digest {shards.digest[:12]}"


def _counts(counts: dict[str, int]) -> str:
    return ", ".join(f"{number:,} {kind}" for kind, number in counts.items())


def _hidden(count: int, limit: int) -> Iterable[str]:
    return [f"  {count - limit:,} more; see them with --limit or --json"] if count > limit else []


def _turn(old: str, new: str) -> str:
    return f"{_short(old)} → {_short(new)}"


def _value(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)


def _short(text: str) -> str:
    return text if len(text) <= CELL else text[:CELL] + "…"
