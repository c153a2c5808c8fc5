"""The findings: everything that a cleaning run has to say, a row a finding, complete.

Where the ledger is the account of rows, this is the list for a person or a report: facts that cost
no row are in it too, and each finding stands in it once, however many questions it is about.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from pydantic import BaseModel, ConfigDict, Field

from vqadata.shards.manifest import FINDINGS
from vqadata.shards.reader import file_at

if TYPE_CHECKING:
    import pyarrow as pa

WRITE_CHUNK = 10_000
"""Findings written at a time, which bounds the memory."""


class Finding(BaseModel):
    """One thing that a cleaner found."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    step: str = Field(description="The cleaner's name.")
    code: str = Field(description="Short code of the reason, as in the ledger.")
    severity: str = Field(description="error, warning or info.")
    action: str = Field(description="What was done: flag (nothing), mask or drop.")
    digest: str | None = Field(description="xxh3-128 of the picture's bytes; null if missing.")
    path: str | None = Field(description="The picture as the record names it.")
    split: str = Field(description="Split of the row.")
    question_id: str | None = Field(description="The question; null if it is about the picture.")
    questions: int = Field(description="Questions that it is about.")
    evidence: str | None = Field(description="What was found, in words.")
    details: str | None = Field(
        description="What a person needs to see the reason, a JSON object: other, edit, boxes, "
        "template, zone, score."
    )


class FindingsFile:
    """Writes the findings as they come.

    Args:
        path: The Parquet file to write.
    """

    def __init__(self, path: Path) -> None:
        """Create the file."""
        import pyarrow.parquet as pq

        self._writer = pq.ParquetWriter(path, findings_schema(), compression="zstd")
        self._rows: list[dict[str, Any]] = []

    def add(self, finding: dict[str, Any]) -> None:
        """Write down one finding: the members of :class:`Finding`, ``details`` as an object."""
        details = finding["details"]
        text = None if details is None else json.dumps(details, ensure_ascii=False, sort_keys=True)
        self._rows.append(finding | {"details": text})
        if len(self._rows) >= WRITE_CHUNK:
            self._flush()

    def close(self) -> None:
        """Write what is left."""
        self._flush()
        self._writer.close()

    def _flush(self) -> None:
        import pyarrow as pa

        if self._rows:
            self._writer.write_table(pa.Table.from_pylist(self._rows, schema=findings_schema()))
            self._rows = []


class FindingCount(NamedTuple):
    """How often a code was found."""

    step: str
    code: str
    severity: str
    action: str
    findings: int
    questions: int


def finding_counts(folder: Path | str) -> list[FindingCount]:
    """What was found in a cleaned folder, or URL: errors first, then the most frequent first."""
    import polars as pl

    path = file_at(folder, FINDINGS)
    if path is None:
        return []
    named = ["step", "code", "severity", "action"]
    rank = pl.col("severity").replace_strict({"error": 0, "warning": 1}, default=2)
    counts = (
        pl.scan_parquet(path)
        .group_by(named)
        .agg(pl.len().alias("findings"), pl.col("questions").sum())
        .sort(rank, -pl.col("findings").cast(pl.Int64), *named)
        .collect()
    )
    return [FindingCount(*row) for row in counts.iter_rows()]


def findings_schema() -> pa.Schema:
    """The Arrow schema of :class:`Finding`."""
    import pyarrow as pa

    kinds = {"questions": pa.int64()}
    return pa.schema([(name, kinds.get(name, pa.string())) for name in Finding.model_fields])
