"""A report for a terminal, and for a program."""

from __future__ import annotations

import difflib
import json
from collections.abc import Iterator, Mapping, Sequence

from vqadata.page.shell import percent
from vqadata.reports.effects import Effects
from vqadata.reports.summary import SEVERITIES, Done, Report, Reported

FEW = 2
"""Commands that the names of the steps tell apart: a conversion and a cleaning."""


def as_json(made: Reported, failed: Mapping[str, int]) -> str:
    """Everything in numbers."""
    document = {**made.model_dump(mode="json"), "fail_on": dict(failed)}
    return json.dumps(document, indent=1, ensure_ascii=False)


def as_text(made: Reported, failed: Mapping[str, int]) -> str:
    """What a person should know before the page is opened."""
    report = made.report
    lost = sum(loss.rows for loss in report.losses)
    adds = "the account adds up" if report.adds_up else "THE ACCOUNT DOES NOT ADD UP"
    lines = [f"{report.questions:,} rows kept, {lost:,} lost; {adds}"]
    lines += [
        f"  {loss.rows:,} {loss.action} by {loss.step}, {loss.code}" for loss in report.losses
    ]
    lines += list(_history(report.history))
    findings = sum(found.findings for found in report.findings)
    lines.append(f"{findings:,} findings")
    lines += [
        f"  {f.findings:,} {f.severity}, {f.step}: {f.code} ({f.action})" for f in report.findings
    ]
    lines += _effects(report.effects)
    lines += list(_failures(report, failed))
    shown = f"{made.pictures:,} of {made.pictures_named:,} pictures that findings name are shown"
    lines.append(f"{made.page}: {made.bytes / 1e6:.1f} MB; {shown}")
    return "\n".join(lines)


def _history(history: Sequence[Done]) -> Iterator[str]:
    """What each command lost, where several cleaned."""
    for done in history if len(history) > FEW else ():
        yield f"  {done.name}: {done.lost:,} lost, {done.left:,} left"


def _effects(effects: Effects) -> Iterator[str]:
    for spread in effects.distributions:
        if spread.distance:
            yield f"side effect: {spread.field} moved by {percent(spread.distance)}"
    before, after = effects.priors_before, effects.priors_after
    if before is not None and after is not None:
        yield f"without looking: {percent(before.blind)} right before, {percent(after.blind)} after"


def _failures(report: Report, failed: Mapping[str, int]) -> Iterator[str]:
    codes = sorted({found.code for found in report.findings})
    for name, count in failed.items():
        near = difflib.get_close_matches(name, codes, 1) if not count else []
        hint = f"; did you mean {near[0]}?" if near and name not in SEVERITIES else ""
        yield f"--fail-on {name}: {count:,} findings{hint}"
