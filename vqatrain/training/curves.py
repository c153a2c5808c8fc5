"""A picture of the curves of a run, as SVG: loss, accuracy, learning rate."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape
from typing import Any, NamedTuple

WIDTH, HEIGHT, MARGIN = 640, 150, 50
"""Pixels of a panel, and around its curve."""

COLOURS = ("#1f6f8b", "#c05621", "#2f855a", "#6b46c1")

Entry = Mapping[str, Any]
"""A line of the log: ``step`` and values by name."""


class Panel(NamedTuple):
    """Curves that share an axis."""

    title: str
    curves: dict[str, list[tuple[float, float]]]
    """Steps and values, by name."""


def draw(log: Sequence[Entry]) -> str:
    """The curves of a log.

    Args:
        log: Lines of ``log.jsonl``, in their order.

    Returns:
        A document that needs nothing else; panels without values are left out.
    """
    names = list(dict.fromkeys(name for entry in log for name in entry))
    looks = [name for name in names if name.startswith("eval_")]
    groups = {"loss": ["loss"], "accuracy": looks, "learning rate": ["learning_rate"]}
    panels = [Panel(title, _curves(log, chosen)) for title, chosen in groups.items()]
    shown = [panel for panel in panels if panel.curves]
    drawn = "".join(_panel(panel, number * HEIGHT) for number, panel in enumerate(shown))
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT * len(shown)}" '
        f'font-family="sans-serif" font-size="11">\n{drawn}</svg>\n'
    )


def _curves(log: Sequence[Entry], names: Sequence[str]) -> dict[str, list[tuple[float, float]]]:
    found = {
        name: [(entry["step"], entry[name]) for entry in log if name in entry] for name in names
    }
    return {name: points for name, points in found.items() if points}


def _panel(panel: Panel, top: int) -> str:
    points = [point for curve in panel.curves.values() for point in curve]
    steps, values = [step for step, _ in points], [value for _, value in points]
    low, high, last = min([0.0, *values]), max(values), max(steps)
    base = top + HEIGHT - 30
    lines = [
        f'<text x="{MARGIN}" y="{top + 14}" font-weight="bold">{escape(panel.title)}</text>',
        f'<path d="M{MARGIN} {top + 20}V{base}H{WIDTH - 10}" fill="none" stroke="#999"/>',
        f'<text x="{MARGIN - 4}" y="{top + 28}" text-anchor="end">{high:.3g}</text>',
        f'<text x="{MARGIN - 4}" y="{base}" text-anchor="end">{low:.3g}</text>',
        f'<text x="{WIDTH - 10}" y="{base + 14}" text-anchor="end">step {last:,.0f}</text>',
    ]
    scale = (WIDTH - 10 - MARGIN) / max(last, 1), (base - top - 20) / ((high - low) or 1)
    for number, (name, curve) in enumerate(panel.curves.items()):
        colour = COLOURS[number % len(COLOURS)]
        places = " ".join(
            f"{MARGIN + step * scale[0]:.1f},{base - (value - low) * scale[1]:.1f}"
            for step, value in (curve[0], *curve)  # twice, or a single one is not seen
        )
        line = f'fill="none" stroke="{colour}" stroke-linecap="round" stroke-width="2"'
        lines.append(f'<polyline points="{places}" {line}/>')
        label = f"{name} {curve[-1][1]:.3g}"
        place = f'x="{WIDTH - 10}" y="{top + 14 + 13 * number}" text-anchor="end"'
        lines.append(f'<text {place} fill="{colour}">{escape(label)}</text>')
    return "\n".join(lines) + "\n"
