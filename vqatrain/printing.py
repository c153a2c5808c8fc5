"""Turns results into text for a terminal."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from vqatrain.answering.probe import Difference
from vqatrain.batches.layout import SHOWN, Row
from vqatrain.delivering.downloading import Offer
from vqatrain.delivering.exporting import Exported
from vqatrain.delivering.merging import Merge
from vqatrain.evalscope.evaluation import Bridged
from vqatrain.models.family import family_named, family_names
from vqatrain.pairs.pairing import Paired
from vqatrain.planning.planning import Plan, Spread
from vqatrain.scoring.intervals import Interval
from vqatrain.scoring.metric import all_metrics
from vqatrain.scoring.metric_table import Disagreement
from vqatrain.scoring.score import Scored
from vqatrain.scoring.scoring import Score, Scores
from vqatrain.training.card import MARKDOWN as CARD
from vqatrain.training.card import Card

TYPES_SHOWN = 12
"""Answer types that a table shows; the file of scores has all."""


def scores(found: Scores) -> str:
    """A line a metric: its score with the interval, and how many rows it rests on."""
    titles = {name: metric.title for name, metric in all_metrics().items()}
    lines = [f"{'':28}{'score':>9}{'95 % interval':>20}{'questions':>11}"]
    lines += [_line(titles[name], score) for name, score in found.overall.items()]
    for kind, by_metric in list(found.by_answer_type.items())[:TYPES_SHOWN]:
        lines.append(f"answer type {kind}")
        lines += [_line(f"  {titles[name]}", score) for name, score in by_metric.items()]
    if (more := len(found.by_answer_type) - TYPES_SHOWN) > 0:
        lines.append(f"{more} more answer types not shown; --json has them")
    if found.consistency is not None:
        lines.append(_line("consistency, GQA", found.consistency))
    if (calibration := found.calibration) is not None:
        lines.append(
            f"sure by {calibration.sure:.1%}, off by {calibration.error:.1%} (expected calibration "
            f"error over {calibration.rows:,} answers)"
        )
    if found.unanswered_in_data:
        lines.append(f"{found.unanswered_in_data:,} questions have no known answer; not scored")
    return "\n".join(lines)


def paired(found: Paired, out: Path) -> str:
    """How many pairs there are, and why other rows make none."""
    lines = [f"{out}: {found.questions:,} questions with a wrong answer beside theirs"]
    lines += [f"  {rows:,} dropped, {why}" for why, rows in sorted(found.without.items())]
    if found.unknown:
        lines.append(f"{found.unknown:,} predictions are for other questions; left out")
    return "\n".join(lines)


def scored(found: Scored) -> str:
    """The scores of a file of predictions, what was not in it, and how another run compares."""
    lines = [scores(found.scores)]
    if found.without:
        lines.append(f"{found.without:,} questions have no prediction")
    if found.unknown:
        lines.append(f"{found.unknown:,} predictions are for other questions; left out")
    if found.gains:
        lines.append(gains(found.gains))
    return "\n".join(lines)


def bridged(found: Bridged, folder: Path) -> str:
    """How EvalScope is run; or its scores under ours, once it has."""
    if found.scores is None:
        what = "run this in its environment, then the same command as now"
        lines = [f"{folder}: {found.questions:,} questions for EvalScope; {what}", found.command]
    else:
        lines = [scores(found.scores), "EvalScope's own"]
        lines += [f"  {name:26}{score:>9.2%}" for name, score in found.theirs.items()]
        lines.append(f"predictions and scores: {folder}")
    if found.unanswered_in_data:
        lines.append(f"{found.unanswered_in_data:,} questions have no known answer; left out")
    return "\n".join(lines)


def gains(found: Mapping[str, Interval]) -> str:
    """How much better the other run is, and whether that may be chance."""
    titles = {name: metric.title for name, metric in all_metrics().items()}
    lines = ["the other run, paired"]
    for name, gain in found.items():
        chance = "" if gain.low > 0 or gain.high < 0 else "  may be chance"
        span = f"{100 * gain.low:+.2f} to {100 * gain.high:+.2f}"
        lines.append(f"  {titles[name]:26}{100 * gain.score:>+9.2f}{span:>20} points{chance}")
    return "\n".join(lines)


def disagreements(found: Sequence[Disagreement], reference: str) -> str:
    """Where metrics differ from the reference, with what they compare."""
    if not found:
        return f"no metric scores a row otherwise than {reference}"
    lines = [f"against {reference}"]
    for entry in found:
        counts = f"{entry.higher:,} higher, {entry.lower:,} lower"
        lines.append(f"  {entry.metric}: {counts}, of {entry.rows:,} rows")
        lines += [f"    {example}" for example in entry.examples]
    return "\n".join(lines)


def metrics() -> str:
    """A line a metric: its name, and in brackets those that are always computed."""
    lines = []
    for name, metric in all_metrics().items():
        about = (type(metric).__doc__ or "").partition("\n")[0]
        lines.append(f"{name:24}{about}{' (standard)' if metric.standard else ''}")
    return "\n".join(lines)


def planned(found: Plan) -> str:
    """What a run will take, a line a thing."""
    parts = found.memory.model_dump().items()
    memory = ", ".join(f"{name} {_gigabytes(size)}" for name, size in parts if size)
    too_long = f"{len(found.too_long):,} rows over {found.limit:,} tokens"
    if found.too_long:
        too_long += f": {_rows(found.too_long[:SHOWN])}"
    return "\n".join(
        [
            f"{found.rows:,} rows, {found.examples:,} examples in {found.steps:,} steps",
            f"tokens a row     {_spread(found.tokens)}",
            f"of the answer    {_spread(found.answer_tokens)}",
            f"filled           {found.filled:.1%}",
            f"longest          {_rows(found.longest)}",
            f"too long         {too_long}",
            f"largest batch    {found.largest.rows} x {found.largest.tokens:,} tokens",
            f"memory           {memory}",
            f"                 {_gigabytes(found.memory.total)} of {_gigabytes(found.device)}"
            + ("" if found.fits else ": does not fit"),
            f"time             {found.seconds / 3600:.2f} hours at least",
        ]
    )


def _spread(found: Spread) -> str:
    return f"{found.least} to {found.most:,}, median {found.median:,}, 95% up to {found.p95:,}"


def _rows(rows: Sequence[Row]) -> str:
    return ", ".join(f"{row.question_id} ({row.tokens:,})" for row in rows)


def _gigabytes(size: int) -> str:
    return f"{size / 1e9:.2f} GB" if size >= 1e8 else f"{size / 1e6:.2f} MB"


def merged(done: Merge, out: Path) -> str:
    """What a merge changed where the next token is named."""
    lines = [f"{out}: {done.adapter} merged in {done.precision}"]
    lines.append(f"largest difference to base with adapter: {_apart(done.difference)}")
    if done.difference_to_quantised is not None:
        found = _apart(done.difference_to_quantised)
        lines.append(f"largest difference to quantised base with adapter: {found}")
    return "\n".join(lines)


def proved(found: Card) -> str:
    """A line a gate, and where the card lies."""
    lines = [f"{gate.state:8} {gate.name}: {gate.found}" for gate in found.gates]
    return "\n".join([*lines, f"run card: {CARD} in {found.run}"])


def exported(done: Exported, out: Path) -> str:
    """What was written, and what differs where the next token is named."""
    apart = f"largest difference to PyTorch: {_apart(done.difference)}"
    return f"{out}: {done.model} as {done.format}, {len(done.files)} files\n{apart}"


def offer(found: Offer) -> str:
    """What a model of the hub is, its licence, and what is fetched of it."""
    lines = [f"{found.model} at {found.commit[:12]}", f"licence: {found.licence}"]
    for file in found.files:
        digest = f"sha256 {file.sha256}" if file.sha256 else f"git {file.git}"
        lines.append(f"  {file.name:40}{_gigabytes(file.size):>12}  {digest}")
    if found.left:
        lines.append(f"not fetched: {', '.join(found.left)}")
    lines.append(f"{len(found.files)} files, {_gigabytes(found.size)}")
    return "\n".join(lines)


def _apart(found: Difference) -> str:
    return f"{found.logits:.1e} in logits, {found.probability:.1e} in probabilities"


def families() -> str:
    """A line a family: its tiny build, and the model types that it knows."""
    rows = [(name, family_named(name)) for name in family_names()]
    return "\n".join(f"tiny:{name:16} {', '.join(kind.model_types)}" for name, kind in rows)


def _line(label: str, score: Score) -> str:
    if score.score is None or score.low is None or score.high is None:
        return f"{label:28}{'-':>9}{'':20}{0:>11}"
    span = f"{score.low:.2%} - {score.high:.2%}"
    return f"{label:28}{score.score:>9.2%}{span:>20}{score.rows:>11,}"
