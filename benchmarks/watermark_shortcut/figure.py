"""The bars as a drawing: one SVG file, readable on light and dark ground."""

from __future__ import annotations

from html import escape
from itertools import groupby

from benchmarks.watermark_shortcut.summary import Bar

WIDTH, BAR, GAP, LEFT, RIGHT, TOP = 760, 22, 8, 190, 70, 44
GROUP = 26
"""Pixels between two arms."""

COLOURS = ("#4a6fa5", "#c2703d")
"""Of the first and the second test."""

STYLE = """
text { font: 13px system-ui, sans-serif; fill: #333 } .title { font-weight: 600 }
.grid { stroke: #ccc } .whisker { stroke: #333; stroke-width: 1.5 }
.seed { fill: #fff; stroke: #333 }
@media (prefers-color-scheme: dark) {
  text { fill: #ddd } .grid { stroke: #444 } .whisker { stroke: #eee }
  .seed { fill: #222; stroke: #eee }
}"""


def x(share: float) -> float:
    """Where a share stands, 0 to 1."""
    return LEFT + share * (WIDTH - LEFT - RIGHT)


def svg(found: list[Bar], title: str) -> str:
    """The drawing."""
    arms = [(arm, list(bars)) for arm, bars in groupby(found, key=lambda bar: bar.arm)]
    tests = [bar.test for bar in arms[0][1]]
    body, y = list(legend(tests)), TOP
    for arm, bars in arms:
        middle = y + (len(bars) * (BAR + GAP) - GAP) / 2 + 5
        body.append(f'<text x="{LEFT - 12}" y="{middle}" text-anchor="end">{escape(arm)}</text>')
        for number, bar in enumerate(bars):
            body += drawn(bar, y, COLOURS[number])
            y += BAR + GAP
        y += GROUP
    height = y + 8
    grid = [
        f'<line class="grid" x1="{x(tick / 4)}" x2="{x(tick / 4)}" y1="{TOP - 8}" '
        f'y2="{height - 26}"/>'
        f'<text x="{x(tick / 4)}" y="{height - 8}" text-anchor="middle">{25 * tick} %</text>'
        for tick in range(5)
    ]
    head = (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" role="img">'
        f"<title>{escape(title)}</title><style>{STYLE}</style>"
    )
    return "\n".join([head, *grid, *body, "</svg>", ""])


def drawn(bar: Bar, y: float, colour: str) -> list[str]:
    """A bar, its interval, the seeds, and the number."""
    middle, mean = y + BAR / 2, bar.mean
    return [
        (
            f'<rect x="{LEFT}" y="{y}" width="{x(mean.score) - LEFT:.1f}" height="{BAR}" '
            f'fill="{colour}" rx="2"/>'
        ),
        (
            f'<line class="whisker" x1="{x(mean.low):.1f}" x2="{x(mean.high):.1f}" y1="{middle}" '
            f'y2="{middle}"/>'
        ),
        *(f'<circle class="seed" cx="{x(seed):.1f}" cy="{middle}" r="3"/>' for seed in bar.seeds),
        (
            f'<text x="{x(max(mean.high, *bar.seeds)) + 10:.1f}" y="{middle + 5}">'
            f"{100 * mean.score:.1f}</text>"
        ),
    ]


def legend(tests: list[str]) -> list[str]:
    """Which colour is which test."""
    lines, left = [f'<text class="title" x="{LEFT}" y="20">asked about</text>'], LEFT + 92
    for test, colour in zip(tests, COLOURS, strict=True):
        lines.append(f'<rect x="{left}" y="9" width="13" height="13" fill="{colour}" rx="2"/>')
        lines.append(f'<text x="{left + 19}" y="20">{escape(test)}</text>')
        left += 40 + 7 * len(test)
    return lines
