"""Turns results into text for a terminal: plain, aligned, and readable in a log."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from pathlib import Path

from vqadata.cleaning.findings import FindingCount
from vqadata.errors import EXIT_UNBALANCED
from vqadata.exporting.receipt import REMARKS, Receipt
from vqadata.ledger import LedgerEntry
from vqadata.rearranging.repairing import Repaired
from vqadata.reports.figures import Spread, Stats
from vqadata.reports.story import Story
from vqadata.shards.contents import Info
from vqadata.shards.manifest import EVIDENCE, FINDINGS, BalanceEntry, Manifest
from vqadata.shards.reader import file_at
from vqadata.shards.verify import Verification
from vqadata.words.priors import Priors

DONE = {"drop": "dropped", "flag": "flagged", "mask": "masked"}
"""What was done, by what a cleaner asked for."""

CELL = 60
"""Longest text shown for one answer, path or finding."""


def account(manifest: Manifest, out: Path | str) -> str:
    """The balance of a finished folder, a line a file, and what a person should know next."""
    rows: list[tuple[str, ...]] = [("input file", "seen", "kept", "dropped", "quarantined")]
    rows += [_balance_row(entry) for entry in manifest.balance]
    lines = table(rows)
    lines += [f"  {text}" for entry in manifest.balance for text in _reasons(entry)]
    if manifest.flags:
        see = f"vqadata ledger {out} --action flagged"
        lines.append(f"kept with a remark: {_counts(manifest.flags)}; see them with: {see}")
    if quarantined := manifest.ledger.entries.get("quarantined"):
        rows_in = counted(quarantined, "row")
        see = f"vqadata ledger {out} --action quarantined"
        lines.append(f"{rows_in} in quarantine; see them with: {see}")
    if not manifest.questions:
        lines.append("warning: no row was kept" + _missing_hint(manifest))
    size = (
        f"{counted(manifest.questions, 'question')} on {counted(manifest.pictures, 'picture')} in "
        f"{counted(len(manifest.shards), 'shard')}"
    )
    lines.append(f"{out}: {size}; the account adds up")
    return "\n".join(lines)


def findings(counts: list[FindingCount], out: Path | str) -> str:
    """What a cleaning run found, a line a code, and where to look next."""
    if not counts:
        return "nothing was found"
    rows: list[tuple[str, ...]] = [("found", "severity", "done", "findings", "questions")]
    rows += [
        (f"{c.step}: {c.code}", c.severity, _done(c), f"{c.findings:,}", f"{c.questions:,}")
        for c in counts
    ]
    see = f"on one page with the pictures: vqadata report {out}; as a table: {out}/{FINDINGS}"
    return "\n".join([*table(rows), see])


def _done(counted_as: FindingCount) -> str:
    """What was done; a fact that asks for nothing is but noted."""
    noted = counted_as.severity == "info" and counted_as.action == "flag"
    return "noted" if noted else DONE[counted_as.action]


def shard_info(found: Info) -> str:
    """What a folder of shards holds: a line each, and a line a shard."""
    share = found.picture_bytes / found.bytes if found.bytes else 0
    size = f"{found.bytes:,} in {counted(len(found.shards), 'shard')}, {share:.1%} pictures"
    lines = [
        f"folder     {found.where}",
        f"format     {found.format_version}",
        f"digest     {found.digest}",
        f"questions  {found.questions:,} on {counted(found.pictures, 'picture')}",
        f"bytes      {size}",
        f"splits     {_counts(found.splits)}",
        f"ledger     {_counts(found.ledger)}",
        f"steps      {' → '.join(found.steps)}",
    ]
    rows: list[tuple[str, ...]] = [("shard", "bytes", "batches", "pictures", "questions")]
    for shard in found.shards:
        figures = (shard.bytes, shard.batches, shard.pictures, shard.questions)
        rows.append((shard.file, *(f"{figure:,}" for figure in figures)))
    return "\n".join([*lines, "", *table(rows)])


def leakage(out: Path | str) -> list[str]:
    """What the splits of a cleaned folder had in common, a line each two; empty if nothing."""
    path = file_at(out, f"{EVIDENCE}/leakage/matrix.json")
    if path is None:
        return []
    heads = ("bytes", "pixels", "id", "rows", "question", "answer", "text")
    rows: list[tuple[str, ...]] = [("in common", "pictures: bytes", "pixels", "id", "rows of them",
                                    "+ question", "+ answer", "text alone")]  # fmt: skip
    for entry in json.loads(path.read_text(encoding="utf-8")):
        there = f"{entry['set']} {entry['to']}".strip() or "no name"
        counts = (entry.get(f"leak-{head}", entry.get(head)) for head in heads)
        rows.append((f"{entry['from'] or 'no name'} → {there}", *(f"{n:,}" for n in counts)))
    return table(rows) if len(rows) > 1 else []


def receipt(handed: Receipt, out: Path) -> str:
    """The account of an export: a line a split, what was left out, and what was changed."""
    rows: list[tuple[str, ...]] = [("split", "questions", "rows")]
    rows += [(e.name, f"{e.questions:,}", f"{e.rows:,}") for e in handed.splits]
    lines = table(rows)
    for reasons, what in ((handed.left_out, "left out"), (handed.changed, "changed")):
        lines += [f"  {count:,} {what}, {reason}" for reason, count in reasons.items()]
    if handed.left_out or handed.changed:
        lines.append(f"each of them is named in {out / REMARKS}")
    if not handed.exported:
        lines.append("warning: no question was exported")
    pictures = f" with {counted(handed.pictures, 'picture file')}" if handed.pictures else ""
    size = f"{handed.exported:,} of {counted(handed.questions, 'question')}{pictures}"
    lines.append(f"{out}: {size}; the account adds up")
    return "\n".join(lines)


def exit_status(manifest: Manifest, strict: bool) -> int:
    """0 if all adds up and, when ``strict``, nothing is in quarantine."""
    return EXIT_UNBALANCED if not manifest.adds_up or (strict and manifest.quarantined) else 0


def verification(outcome: Verification, folder: Path | str) -> str:
    """What was proven, and what does not hold."""
    lines = [f"checked: {line}" for line in outcome.checked]
    lines += [f"PROBLEM: {line}" for line in outcome.problems]
    verdict = counted(len(outcome.problems), "problem") if outcome.problems else "verified"
    return "\n".join([*lines, f"{folder}: {verdict}, manifest digest {outcome.digest}"])


def repaired(outcome: Repaired, folder: Path) -> str:
    """What was rebuilt, a line a file."""
    lines = [f"{file}: taken from a copy" for file in outcome.copied]
    lines += [f"{file}: rebuilt" for file in outcome.rebuilt]
    count = len(lines)
    done = f"{counted(count, 'file')} repaired, each byte for byte" if count else "not damaged"
    return "\n".join([*lines, f"{folder}: {done}"])


def story(told: Story) -> str:
    """The way of one row, as sentences."""
    lines = [f"question {told.question_id}"]
    origins = [row.record["origin"] for row in told.kept]
    places = {(o["source"], o["file"], o["index"]) for o in origins}
    lines += [f"  from {file}, record {index}, by source {source}" for source, file, index in
              sorted(places)]  # fmt: skip
    for entry in told.entries:
        lines.append(f"  {entry.step}: {entry.action}, {entry.reason}{_evidence(entry)}")
    for row in told.kept:
        lines.append(f"  kept: {row.shard}, picture row {row.picture_row}")
        lines += [f"    {name}: {row.record[name]}" for name in ("image_path", "text", "answer")]
    if not told.kept:
        lines.append("  not in the shards")
    lines.append("  steps: " + " → ".join(f"{step.step} {step.name}" for step in told.steps))
    return "\n".join(lines)


def story_json(told: Story) -> str:
    """The way of one row, as JSON."""
    document = {
        "question_id": told.question_id,
        "steps": [step.model_dump() for step in told.steps],
        "kept": [row._asdict() for row in told.kept],
        "ledger": [entry.model_dump() for entry in told.entries],
    }
    return json.dumps(document, indent=1, ensure_ascii=False)


def entries(chosen: Iterable[LedgerEntry], limit: int | None, as_json: bool) -> Iterator[str]:
    """One line an entry; how many were left out is said."""
    hidden = 0
    for number, entry in enumerate(chosen):
        if limit is not None and number >= limit:
            hidden += 1
        elif as_json:
            yield json.dumps(entry.model_dump(), ensure_ascii=False)
        else:
            who = f" question {entry.question_id}" if entry.question_id is not None else ""
            place = f"{entry.file}: record {entry.index}{who}"
            yield f"{place}: {entry.action}, {entry.reason}{_evidence(entry)}"
    if hidden:
        yield f"{hidden:,} more not shown; use --all"


def figures(numbers: Stats) -> str:
    """The figures of a data set, a line each."""
    lines = [
        f"questions          {numbers.questions:,} on {counted(numbers.pictures, 'picture')}",
        f"splits             {_counts(numbers.splits)}",
        f"answered           {numbers.answered:,}, {numbers.distinct_answers:,} distinct answers",
        f"unanswerable       {numbers.unanswerable:,}",
        f"top answers        {_counts(numbers.top_answers)}",
        f"answer types       {_counts(numbers.answer_types)}",
        f"question types     {_counts(numbers.question_types)}",
        f"licences           {_counts(numbers.licences)}",
        f"words a question   {_spread(numbers.question_words)}",
        f"words an answer    {_spread(numbers.answer_words)}",
        f"questions/picture  {_spread(numbers.questions_a_picture)}",
        f"picture width      {_spread(numbers.picture_width)} pixels",
        f"picture height     {_spread(numbers.picture_height)} pixels",
        f"found by           {_counts(numbers.found_by)}",
        f"unreadable         {counted(numbers.unreadable_pictures, 'picture')}",
    ]
    agreement = "-" if numbers.agreement is None else f"{numbers.agreement:.1%}"
    blind = "-" if numbers.priors is None else _blind(numbers.priors)
    lines += [f"agreement          {agreement}", f"without looking    {blind}"]
    return "\n".join(lines)


def _blind(priors: Priors) -> str:
    """What the questions alone tell of the answers."""
    yes = "" if priors.yes is None else f"; yes {priors.yes:.1%} of yes and no"
    return (
        f"{priors.blind:.1%} right by the first words of the question, {priors.majority:.1%} by "
        f"one answer for all{yes}; {priors.templates:.1%} of questions are asked more than once"
    )


def counted(number: int, noun: str) -> str:
    """A number with its noun: ``1 row``, ``2,000 rows``."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def table(rows: list[tuple[str, ...]]) -> list[str]:
    """Rows as aligned lines: the first column to the left, the others to the right."""
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    return [
        "  ".join(
            cell.ljust(width) if column == 0 else cell.rjust(width)
            for column, (cell, width) in enumerate(zip(row, widths, strict=True))
        )
        for row in rows
    ]


def _balance_row(entry: BalanceEntry) -> tuple[str, ...]:
    numbers = (entry.seen, entry.kept, sum(entry.dropped.values()))
    return (entry.file, *(f"{n:,}" for n in (*numbers, sum(entry.quarantined.values()))))


def _reasons(entry: BalanceEntry) -> Iterator[str]:
    for action, reasons in (("dropped", entry.dropped), ("quarantined", entry.quarantined)):
        for reason, count in reasons.items():
            yield f"{entry.file}: {count:,} {action}, {reason}"


def _missing_hint(manifest: Manifest) -> str:
    if not any("missing-picture" in entry.dropped for entry in manifest.balance):
        return ""
    return (
        ": the pictures were not found. Pass --image-root (links that lead out of it are not "
        "followed: name their targets), or convert the text alone with --missing-pictures keep"
    )


def _evidence(entry: LedgerEntry) -> str:
    said = f", at {entry.path}" if entry.path else ""
    if entry.found is not None:
        said += f": found {_short(entry.found)}"
    if entry.expected is not None:
        said += f", expected {_short(entry.expected)}"
    return said + (f" ({entry.evidence})" if entry.evidence else "")


def _short(text: str) -> str:
    return text if len(text) <= CELL * 2 else text[: CELL * 2] + "…"


def _counts(counts: dict[str, int]) -> str:
    return ", ".join(f"{name or 'no name'} {count:,}" for name, count in counts.items()) or "-"


def _spread(spread: Spread | None) -> str:
    if spread is None:
        return "-"
    return f"{spread.least:g} to {spread.most:g}, median {spread.median:g}"
