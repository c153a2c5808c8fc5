"""A cleaner that goes through every phase, for the tests of the pass; nothing of it is shipped."""

from __future__ import annotations

import json
import os
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Self

from pydantic import Field, PrivateAttr

from vqadata.cleaning.survey import Survey
from vqadata.images.view import View
from vqadata.ledger import Rejection
from vqadata.steps import Cleaner, Verdict

if TYPE_CHECKING:
    import pyarrow as pa


class Widths:
    """How many pictures of each width a group has."""

    def __init__(self) -> None:
        self.counts: Counter[str] = Counter()

    def add(self, view: View, group: str) -> None:
        self.counts[f"{group} {view.grey.shape[1]}"] += 1

    def merge(self, other: Self) -> None:
        self.counts += other.counts

    def to_bytes(self) -> bytes:
        return json.dumps(self.counts, sort_keys=True).encode()

    def from_bytes(self, data: bytes) -> Widths:
        other = Widths()
        other.counts.update(json.loads(data))
        return other


class Probe(Cleaner):
    """Masks the darkest picture of all, and drops the questions of the brightest."""

    order: ClassVar[int] = 60
    judging: ClassVar[frozenset[str]] = frozenset({"spare"})

    diary: Path | None = Field(None, description="File that gets a line for each look.")
    factor: int = Field(1, description="Of the levels.")
    spare: bool = Field(False, description="Drop nothing.")
    _chosen: dict[str, str] = PrivateAttr(default_factory=dict)

    def columns(self) -> dict[str, pa.DataType]:
        import pyarrow as pa

        return {"probe_level": pa.float64()}

    def examine(self, view: View) -> dict[str, Any]:
        level = float(view.grey.mean()) * self.factor
        if self.diary:
            with self.diary.open("a") as file:
                file.write(f"{os.getpid()} {view.digest}\n")
        return {"probe_level": level}

    def tally(self) -> Widths:
        return Widths()

    def decide(self, survey: Survey) -> None:
        known = survey.pictures.select(["digest", "probe_level"]).to_pylist()
        ranked = sorted((row["probe_level"], row["digest"]) for row in known if row["probe_level"])
        self._chosen = {ranked[0][1]: "mask"} if self.spare else {
            ranked[0][1]: "mask", ranked[-1][1]: "drop"
        }  # fmt: skip
        tally = survey.tally(self)
        (survey.evidence / "widths.json").write_bytes(tally.to_bytes())
        (survey.evidence / "darkest.bin").write_bytes(survey.view(ranked[0][1]).data)

    def judge(self, batch: pa.RecordBatch) -> Iterator[Verdict]:
        for row, facts in enumerate(batch.column("image_facts").to_pylist()):
            for image, fact in enumerate(facts):
                if action := self._chosen.get(fact["digest"]):
                    why = Rejection(f"probe-{action}", evidence="as planned")
                    details = {"template": "evidence/probe/widths.json"}
                    yield Verdict(row, None, action, why, "warning", details, image)  # type: ignore[arg-type]

    def mend(self, view: View) -> bytes:
        import io

        from PIL import Image

        out = io.BytesIO()
        Image.fromarray(255 - view.rgb).save(out, "PNG")
        return out.getvalue()
