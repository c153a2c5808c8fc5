"""Drops questions whose picture cannot be opened: the reason is named, the rows are listed.

Reasons: ``missing`` (no bytes), ``zero-bytes``, ``not-a-picture`` (HTML, JSON, NUL bytes ...),
``too-many-pixels`` (a decompression bomb, refused from the header before any pixel is decoded),
``truncated`` (the pixel data ends early or is damaged). One broken picture drops its own questions
and nothing else.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, ClassVar

from pydantic import Field, PrivateAttr

from vqadata.images.header import MAX_PIXELS, BadPicture
from vqadata.images.view import View
from vqadata.ledger import Rejection
from vqadata.steps import Cleaner, Verdict
from vqadata.survey import Survey

if TYPE_CHECKING:
    import pyarrow as pa

WHOLE = "a whole picture"


class BrokenImage(Cleaner):
    """Missing, empty, damaged or hostile pictures."""

    order: ClassVar[int] = 10

    max_pixels: int = Field(
        MAX_PIXELS, ge=1, le=MAX_PIXELS, description="Largest picture to accept, width x height."
    )
    _faults: dict[str, tuple[str, str]] = PrivateAttr(default_factory=dict)

    def columns(self) -> dict[str, pa.DataType]:
        """What is wrong with a picture, null if nothing is."""
        import pyarrow as pa

        return {"fault": pa.string(), "fault_detail": pa.string()}

    def examine(self, view: View) -> dict[str, Any]:
        """Decode the picture."""
        try:
            header = view.header
            if header.width * header.height > self.max_pixels:
                raise BadPicture("too-many-pixels", f"{header.width} x {header.height} pixels")
            _ = view.grey
        except BadPicture as bad:
            return {"fault": bad.code, "fault_detail": bad.detail}
        return {}

    def decide(self, survey: Survey) -> None:
        """Remember the pictures that are broken."""
        import pyarrow.compute as pc

        broken = survey.pictures.select(["digest", "fault", "fault_detail"])
        for row in broken.filter(pc.is_valid(broken["fault"])).to_pylist():
            self._faults[row["digest"]] = (row["fault"], row["fault_detail"])

    def judge(self, batch: pa.RecordBatch) -> Iterator[Verdict]:
        """Drop every picture row of which one picture cannot be decoded."""
        paths = batch.column("images").flatten().field("path").to_pylist()
        place = 0
        for row, facts in enumerate(batch.column("image_facts").to_pylist()):
            for image, fact in enumerate(facts):
                code, detail = self._fault(fact["digest"])
                if code:
                    why = Rejection(code, paths[place + image], detail, WHOLE)
                    yield Verdict(row, None, "drop", why, "error", image=image)
                    break
            place += len(facts)

    def _fault(self, digest: str | None) -> tuple[str, str]:
        if digest is None:
            return "missing", "no file"
        return self._faults.get(digest, ("", ""))
