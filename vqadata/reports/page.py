"""Puts a report on a page: which findings, rows and pictures go in, and in what form."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from itertools import chain, zip_longest
from typing import TYPE_CHECKING, Any, NamedTuple

from vqadata.page.shell import Page, columns, render
from vqadata.reports.lists import in_words
from vqadata.reports.summary import Report
from vqadata.reports.thumbnails import Shown, Thumbnail

if TYPE_CHECKING:
    import polars as pl

PAGE = Page("vqadata.reports", "report.html", ["report.css"], ["explorer.js", "report.js"])

RAW = 600
"""Characters of a record as it stood in its file that the page holds; an ellipsis says so."""

LEAKAGE = "evidence/leakage/matrix.json"
"""Where the cleaner leakage writes how many pictures and questions leak between which splits."""

LISTED = 300
"""Characters of a question or an answer in the lists of a page; an ellipsis says so."""


class Contents(NamedTuple):
    """What goes on a page."""

    report: Report
    findings: pl.DataFrame
    """Those of the lists, with the ``text`` and ``answer`` of their question."""
    lost: pl.DataFrame
    pictures: Shown
    masked: Mapping[str, str]
    """Digests of masked pictures by the digest before."""
    evidence: Mapping[str, Thumbnail | None]
    texts: Mapping[str, str]
    """Files of facts out of the evidence folder, by path."""


def page(contents: Contents, rows: int) -> str:
    """Make the page.

    Args:
        contents: What goes on it.
        rows: Most findings, and most lost rows, that it holds; the tables count all of them.
    """
    findings = chosen(contents.findings.with_row_index("number"), ["step", "code"], rows)
    places = {number: place for place, number in enumerate(findings.get_column("number"))}
    lost = chosen(contents.lost, ["step", "reason"], rows)
    held = {
        "findings": (findings.height, contents.findings.height),
        "rows": (lost.height, contents.lost.height),
        "pictures": (contents.pictures.shown, len(contents.pictures.named)),
        "evidence": (
            sum(small is not None for small in contents.evidence.values()),
            len(contents.evidence),
        ),
    }
    report = contents.report
    context = {
        "title": f"{report.name}: data report",
        "report": report,
        "held": held,
        "lost": sum(loss.rows for loss in report.losses),
        "examples": _examples(contents.findings, contents.pictures.pictures),
        "leaks": leakage(contents.texts),
        "texts": contents.texts,
    }
    data: dict[str, Any] = {
        "findings": columns(_cut(findings).drop("number").to_dict(as_series=False)),
        "rows": columns(
            _rows(lost).to_dict(as_series=False)
            | {"finding": [places.get(number) for number in lost.get_column("finding")]}
        ),
        "pictures": {"masked": contents.masked},
    }
    blobs: list[str] = []
    data["pictures"] |= {
        "thumbnails": _numbered(contents.pictures.pictures, blobs),
        "evidence": _numbered(contents.evidence, blobs),
    }
    return render(PAGE, context, data, blobs)


def _numbered(
    pictures: Mapping[str, Thumbnail | None], blobs: list[str]
) -> dict[str, tuple[int, int, int] | None]:
    """Number and size of each picture; their data is put into ``blobs``."""
    numbered: dict[str, tuple[int, int, int] | None] = {}
    for name, small in pictures.items():
        numbered[name] = None if small is None else (len(blobs), small.width, small.height)
        blobs += [small.data] if small is not None else []
    return numbered


def chosen(table: pl.DataFrame, by: Sequence[str], most: int) -> pl.DataFrame:
    """At most so many rows of a table, every kind with as many as the others where it has them."""
    import polars as pl

    if table.height <= most:
        return table
    number = pl.int_range(pl.len()).over(by).alias("_number")
    ranked = table.with_row_index("_row").with_columns(number)
    return ranked.sort("_number", "_row").head(most).sort("_row").drop("_row", "_number")


def wanted_pictures(findings: pl.DataFrame) -> list[str]:
    """Digests that findings name, in turn one of each kind of finding, each once."""
    kinds: list[list[list[str]]] = []
    named = findings.filter(findings["digest"].is_not_null())
    for _, group in named.group_by("severity", "step", "code", maintain_order=True):
        pairs = group.select("digest", "details").iter_rows()
        kinds.append([[digest, *_others(details)] for digest, details in pairs])
    in_turn = chain.from_iterable(zip_longest(*kinds, fillvalue=[]))
    return list(dict.fromkeys(chain.from_iterable(in_turn)))


def _others(details: str | None) -> Iterator[str]:
    """Digests of the other pictures that the details of a finding name."""
    if details and '"other' in details:
        found = json.loads(details)
        others = found.get("others", []) if isinstance(found.get("others"), list) else []
        for other in [found.get("other"), *others]:
            if isinstance(other, dict) and isinstance(other.get("digest"), str):
                yield other["digest"]


def leakage(texts: Mapping[str, str]) -> list[dict[str, Any]]:
    """What splits and data sets have in common, a row a pair, as the cleaner leakage wrote it.

    Args:
        texts: Files of facts by path; the matrix is empty if it is not among them, or is none.
    """
    try:
        rows = json.loads(texts.get(LEAKAGE, "[]"))
    except ValueError:
        return []
    whole = isinstance(rows, list) and all(isinstance(row, dict) for row in rows)
    return rows if whole else []


def _examples(findings: pl.DataFrame, pictures: Mapping[str, object]) -> dict[str, list[str]]:
    """Digests of some pictures of the page for each kind of finding, by step and code."""
    import polars as pl

    shown = findings.filter(pl.col("digest").is_in(list(pictures)))
    first = shown.group_by("step", "code", maintain_order=True).agg(
        pl.col("digest").unique(maintain_order=True).head(6)
    )
    return {f"{step} {code}": digests for step, code, digests in first.iter_rows()}


def _cut(table: pl.DataFrame) -> pl.DataFrame:
    """The table with long texts cut, which an ellipsis says."""
    texts = [name for name in ("text", "answer") if name in table.columns]
    return table.with_columns(_shortened(name, LISTED) for name in texts)


def _rows(lost: pl.DataFrame) -> pl.DataFrame:
    """The lost rows as the page lists them; the raw record only where it is no canonical one."""
    import polars as pl

    raw = pl.when(pl.col("text").is_null()).then(_shortened("raw", RAW)).alias("raw")
    return _cut(lost).select(
        "command", "step", "action", pl.col("reason").alias("code"),
        "question_id", "file", "index", "part",
        "text", "answer", pl.col("image_path").alias("path"), "split",
        in_words().alias("evidence"), raw,
    )  # fmt: skip


def _shortened(name: str, most: int) -> pl.Expr:
    import polars as pl

    text: Any = pl.col(name)
    return pl.when(text.str.len_chars() > most).then(text.str.head(most) + "…").otherwise(text)
