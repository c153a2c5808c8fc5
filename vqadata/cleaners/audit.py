"""Audits pictures: what cannot be used is dropped, what is doubtful is flagged, facts are noted.

Dropped: ``missing``, ``zero-bytes``, ``pointer-file``, ``not-a-picture`` (HTML, JSON ...),
``too-many-pixels`` (a decompression bomb, refused from its header), ``truncated``, ``deadly`` (it
kills each worker that examines it; only with ``--deadly-pictures drop``).
Flagged: ``bit-rot`` (libjpeg warns while it decodes), ``wrong-extension``, ``animated``, ``gps``,
``extreme-aspect``, ``tiny``, ``blank``, ``dark``, ``blurred``.
Noted, with what normalisation makes of it: ``deep-grey``, ``alpha``, ``palette``, ``cmyk``,
``exif-rotated``. One bad picture costs its own questions and nothing else.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Mapping
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple, get_args

from pydantic import Field, PrivateAttr, field_validator

from vqadata.cleaning.survey import Survey
from vqadata.images.checks import CHECKS, DEADLY, Action, Check, right_suffix
from vqadata.images.gps import tells_place, without_place
from vqadata.images.header import MAX_PIXELS, BadPicture
from vqadata.images.sharpness import blur, levels
from vqadata.images.view import View
from vqadata.ledger import Rejection
from vqadata.steps import Cleaner, Severity, Verdict

if TYPE_CHECKING:
    import pyarrow as pa

ACTIONS: dict[str, Action] = {check.code: check.action for check in CHECKS}
"""What is done by default."""

DECIDED = 1 << 16
"""Pictures whose facts are in memory at a time."""


class _Remark(NamedTuple):
    check: Check
    found: str
    score: float | None


class Audit(Cleaner):
    """Pictures that are broken, doubtful, or not what they seem."""

    order: ClassVar[int] = 10
    judging: ClassVar[frozenset[str]] = frozenset(
        {"action", "aspect", "side", "blank", "dark", "blurred"}
    )

    max_pixels: int = Field(
        MAX_PIXELS, ge=1, le=MAX_PIXELS, description="Largest picture to accept, width x height."
    )
    action: list[str] = Field(
        default_factory=list,
        description="Do something else about a code: drop, flag, note (in the findings alone) or "
        "ignore; gps=strip takes the place out and leaves each pixel as it is. May be given "
        "several times.",
        json_schema_extra={"metavar": "CODE=ACTION"},
    )
    aspect: float = Field(10.0, ge=1, description="Longest side of a picture, in shortest sides.")
    side: int = Field(28, ge=1, description="Least pixels of a side: one patch of Qwen-VL.")
    blank: int = Field(8, ge=0, description="Grey levels between which a picture is blank.")
    dark: int = Field(40, ge=0, le=255, description="Level that 99% of a dark picture do not pass.")
    blurred: float = Field(
        0.7, gt=0, le=1, description="Blur effect from which on a picture is blurred, 0 to 1."
    )
    _remarks: dict[str, list[_Remark]] = PrivateAttr(default_factory=dict)

    @field_validator("action")
    @classmethod
    def _known(cls, actions: list[str]) -> list[str]:
        for text in actions:
            code, _, action = text.partition("=")
            if code not in ACTIONS:
                near = difflib.get_close_matches(code, ACTIONS, 1) or list(ACTIONS)
                raise ValueError(f"a code before =, such as {', '.join(near)}")
            if action not in get_args(Action) or (action == "strip" and code != "gps"):
                raise ValueError("drop, flag, note or ignore behind =, or gps=strip")
        return actions

    @property
    def actions(self) -> dict[str, Action]:
        """What is done, by code."""
        asked: dict[str, Any] = dict(text.split("=", 1) for text in self.action)
        return {**ACTIONS, **asked}

    def columns(self) -> dict[str, pa.DataType]:
        """The facts on which the codes rest; null where they could not be told."""
        import pyarrow as pa

        return {
            "fault": pa.string(),
            "fault_detail": pa.string(),
            "bit_rot": pa.string(),
            "frames": pa.int32(),
            "see_through": pa.bool_(),
            "orientation": pa.int8(),
            "gps": pa.bool_(),
            "darkest": pa.int16(),
            "middle": pa.int16(),
            "bright": pa.int16(),
            "brightest": pa.int16(),
            "blur": pa.float32(),
        }

    def examine(self, view: View) -> dict[str, Any]:
        """Gather the facts of one picture."""
        try:
            header = view.header
            if header.width * header.height > self.max_pixels:
                raise BadPicture("too-many-pixels", f"{header.width} x {header.height} pixels")
            light = levels(view.small)
        except BadPicture as bad:
            return {"fault": bad.code, "fault_detail": bad.detail}
        return {
            "bit_rot": "; ".join(view.warnings) or None,
            "see_through": view.see_through,
            "frames": view.frames,
            "orientation": view.orientation,
            "gps": tells_place(view.data),
            "blur": blur(view.grey),
            **light._asdict(),
        }

    def unexamined(self) -> dict[str, Any]:
        """A fault of its own."""
        return {"fault": DEADLY, "fault_detail": "the processes that examined it died"}

    def decide(self, survey: Survey) -> None:
        """Find the pictures for which a code holds."""
        names = [n for n in survey.pictures.schema.names if n in _USED or n in self.columns()]
        facts = survey.pictures.select(names)
        for start in range(0, len(facts), DECIDED):
            for digest, remark in self._found("picture", facts.slice(start, DECIDED)):
                self._remarks.setdefault(digest, []).append(remark)
            survey.release()

    def judge(self, batch: pa.RecordBatch) -> Iterator[Verdict]:
        """Say of every row what holds of its pictures; where one is dropped, only why."""
        mentions = _mentions(batch)
        here: dict[int, list[_Remark]] = {}
        for place, remark in self._found("mention", mentions):
            here.setdefault(place, []).append(remark)
        digests = mentions["digest"].to_pylist()
        offsets = batch.column("images").offsets.to_pylist()
        for row in range(batch.num_rows):
            verdicts = []
            for place in range(offsets[row] - offsets[0], offsets[row + 1] - offsets[0]):
                remarks = [*here.get(place, ()), *self._remarks.get(digests[place], ())]
                image = place - offsets[row] + offsets[0]
                path = mentions["path"][place].as_py() if remarks else ""
                verdicts += [self._verdict(row, image, path, remark) for remark in remarks]
            dropped = [verdict for verdict in verdicts if verdict.action == "drop"]
            yield from dropped or verdicts

    def mend(self, view: View) -> bytes:
        """The picture without the place where it was taken."""
        import numpy as np

        data = without_place(view.data)
        after = View(view.path, view.digest, data)
        if not tells_place(data) and np.array_equal(after.rgb, view.rgb):
            return data
        return _as_png(view)

    def _found(self, of: str, facts: pa.Table) -> Iterator[tuple[Any, _Remark]]:
        """What holds of some pictures, each with its digest, or its place in the batch."""
        import polars as pl

        frame, options = pl.DataFrame(facts), self.model_dump()
        for check in CHECKS:
            if check.of == of and self.actions[check.code] != "ignore":
                hits = frame.filter(pl.sql_expr(check.when.format_map(options)))
                for row in hits.iter_rows(named=True):
                    score = row[check.score] if check.score else None
                    yield (
                        row["place" if of == "mention" else "digest"],
                        _Remark(check, check.found.format_map(row), score),
                    )

    def _verdict(self, row: int, image: int, path: str, remark: _Remark) -> Verdict:
        check, action = remark.check, self.actions[remark.check.code]
        expected = check.expected.format_map(self.model_dump())
        details = None if remark.score is None else {"score": round(remark.score, 4)}
        severity: Severity = check.severity
        if action == "note":
            severity = "info"
        elif severity == "info":
            severity = "warning"  # somebody asked for more than a note
        done = _DONE[action]
        why = Rejection(check.code, path, remark.found, expected)
        return Verdict(row, None, done, why, severity, details, image)


_DONE: Mapping[Action, Any] = {"drop": "drop", "flag": "flag", "note": "flag", "strip": "mask"}

_USED = ("digest", "width", "height", "format", "mode")
"""Columns of the survey itself that codes rest on."""


def _mentions(batch: pa.RecordBatch) -> pa.Table:
    """What a batch says of its pictures, a row a picture."""
    import pyarrow as pa

    facts = batch.column("image_facts").flatten()
    paths = batch.column("images").flatten().field("path").to_pylist()
    formats = facts.field("format").to_pylist()
    suffixes = [PurePosixPath(path.replace("\\", "/")).suffix for path in paths]
    right = [right_suffix(f, s) for f, s in zip(formats, suffixes, strict=True)]
    columns = {
        "place": pa.array(range(len(paths)), pa.int64()),
        "digest": facts.field("digest"),
        "path": pa.array(paths, pa.string()),
        "format": facts.field("format"),
        "suffix": pa.array(suffixes, pa.string()),
        "right_suffix": pa.array(right, pa.bool_()),
    }
    return pa.table(columns)


def _as_png(view: View) -> bytes:
    """The pixels alone."""
    import io

    from PIL import Image

    out = io.BytesIO()
    Image.fromarray(view.rgb).save(out, "PNG")
    return out.getvalue()
