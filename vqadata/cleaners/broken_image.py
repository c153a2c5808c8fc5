"""Drops questions whose picture cannot be opened: the reason is named, the rows are listed.

Reasons: ``missing`` (no bytes), ``zero-bytes``, ``not-a-picture`` (HTML, JSON, NUL bytes ...),
``too-many-pixels`` (a decompression bomb, refused from the header before any pixel is decoded),
``truncated`` (the pixel data ends early or is damaged). One broken picture drops its own questions
and nothing else.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, ClassVar

from pydantic import Field

from vqadata.images.decode import decode
from vqadata.images.header import MAX_PIXELS, BadPicture, read_header
from vqadata.ledger import Rejection
from vqadata.steps import Cleaner, Verdict

if TYPE_CHECKING:
    import pyarrow as pa


class BrokenImage(Cleaner):
    """Missing, empty, damaged or hostile pictures."""

    order: ClassVar[int] = 10

    max_pixels: int = Field(
        MAX_PIXELS, ge=1, le=MAX_PIXELS, description="Largest picture to accept, width x height."
    )

    def judge(self, batch: pa.RecordBatch) -> Iterator[Verdict]:
        """Drop every picture row of which one picture cannot be decoded."""
        for row, images in enumerate(batch.column("images")):
            for image in images:
                if (why := self._fault(image["path"].as_py(), image["bytes"].as_py())) is not None:
                    yield Verdict(row, None, "drop", why)
                    break

    def _fault(self, path: str, data: bytes | None) -> Rejection | None:
        try:
            if data is None:
                raise BadPicture("missing", "no file")
            header = read_header(data)
            if header.width * header.height > self.max_pixels:
                raise BadPicture("too-many-pixels", f"{header.width} x {header.height} pixels")
            decode(data)
        except BadPicture as bad:
            return Rejection(bad.code, path, bad.detail, "a whole picture")
        return None
