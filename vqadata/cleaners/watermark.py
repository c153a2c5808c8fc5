"""Finds watermarks, stamps, credits and what scanners burn in; runs with ``--ocr-filter``.

A cascade, each stage with a reason. Reasons: ``recurrent-overlay`` (edges at one place agree over
many pictures, found without reading), ``recurrent-text`` (one string at one place of several
pictures), ``repeated-text`` (copies of one string in one picture), ``known-mark`` (agencies, claims
of ownership, credits, addresses, the user's own list), ``scanner-text`` and ``laid-over`` (alone
and askew across the middle, on a busy ground). Text that a question or
an answer is about, pages of text, side markers (R, L) and window values are content and stay.

What is done with a mark is the user's choice: ``flag`` (by default), ``mask`` or ``drop``. Where a
question asks to read, no picture is masked or dropped. A masked picture is written as PNG, because
a JPEG cannot be written again without changes all over; it is read again and compared before it is
accepted. docs/watermarks.md has the figures.
"""

from __future__ import annotations

import importlib.util
import logging
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Literal, cast

from pydantic import Field, PrivateAttr

from vqadata.cleaning.engine_choice import Choice, choose, load
from vqadata.cleaning.survey import Survey
from vqadata.cleaning.text_engine import EngineOptions, TextEngine
from vqadata.errors import MissingExtraError
from vqadata.images.view import View
from vqadata.ledger import Rejection
from vqadata.overlay.tally import OverlayTally
from vqadata.steps import Cleaner, Verdict
from vqadata.watermarks.inquest import Inquest, read_pictures
from vqadata.watermarks.lexicon import Lexicon
from vqadata.watermarks.looking import look
from vqadata.watermarks.sentence import Policy, Sentence

if TYPE_CHECKING:
    import pyarrow as pa

log = logging.getLogger(__name__)


class Watermark(Cleaner):
    """Watermarks, credits and scanner text; only with --ocr-filter."""

    order: ClassVar[int] = 60
    judging: ClassVar[frozenset[str]] = frozenset({"policy", "ocr_lexicon"})

    ocr_filter: bool = Field(False, description="Look for watermarks and other burnt-in text.")
    policy: Policy = Field(
        "flag", description="What to do with a picture that has marks (with --ocr-filter)."
    )
    ocr_engine: Literal["auto", "easyocr", "rapidocr", "tesseract", "none"] = Field(
        "auto",
        description="What reads text; none looks for recurrent overlays alone. auto says what it "
        "chose.",
    )
    ocr_models: Path | None = Field(
        None,
        description="Folder of the engine's weights, such as those of EasyOCR.",
        json_schema_extra={"metavar": "DIR"},
    )
    ocr_download: bool = Field(False, description="Let the engine download weights it lacks.")
    ocr_language: list[str] = Field(
        default_factory=lambda: ["en", "zh"],
        description="Language to read: en, zh, or a name of the engine's. Repeatable.",
    )
    ocr_side: int = Field(
        960, ge=320, description="Longest side to which pictures are reduced for reading."
    )
    ocr_sample: int | None = Field(
        None,
        ge=1,
        description="Read so many pictures of each group only. Recurrent overlays are looked for "
        "in all pictures, other marks are found in the sample alone.",
        json_schema_extra={"metavar": "N"},
    )
    ocr_lexicon: Path | None = Field(
        None,
        description="Text file of words that are marks, one a line; re: begins a regular "
        "expression.",
        json_schema_extra={"metavar": "FILE"},
    )
    _choice: Choice | None = PrivateAttr(None)
    _inquest: Inquest | None = PrivateAttr(None)

    @classmethod
    def flags_begin(cls) -> str:
        """Nothing: ``--ocr-filter`` and ``--policy`` are words of their own."""
        return ""

    @property
    def is_idle(self) -> bool:
        """Without ``--ocr-filter``."""
        return not self.ocr_filter

    def columns(self) -> dict[str, pa.DataType]:
        """What was read in a picture, if all are read."""
        import pyarrow as pa

        if not self._reads_all:
            return {}
        corners = pa.list_(pa.float32())
        line = [("text", pa.string()), ("confidence", pa.float32()), ("corners", corners)]
        sizes = {"read_width": pa.int32(), "read_height": pa.int32(), "paper": pa.bool_()}
        sizes["laid_over"] = pa.bool_()
        return {"texts": pa.list_(pa.struct(line)), "colourful": pa.float32(), **sizes}

    def examine(self, view: View) -> dict[str, Any]:
        """Read the text in a picture."""
        if (engine := self._engine()) is None:
            return {}
        looked = look(engine, view.rgb, view.grey)
        height, width = view.grey.shape
        return {
            "texts": [line._asdict() for line in looked.lines],
            "laid_over": looked.laid_over,
            "colourful": looked.colourful,
            "read_width": width,
            "read_height": height,
            "paper": looked.paper,
        }

    def tally(self) -> OverlayTally | None:
        """Agreement of edges.

        Raises:
            MissingExtraError: OpenCV or RapidFuzz is not installed.
        """
        if not self.ocr_filter:
            return None
        for package in ("cv2", "rapidfuzz"):
            if importlib.util.find_spec(package) is None:
                raise MissingExtraError("--ocr-filter", "ocr", package)
        return OverlayTally()

    def engines(self) -> dict[str, str]:
        """The engine that reads, its version and its weights."""
        engine = self._engine() if self._reads_all else None
        return {} if engine is None else {"engine": engine.name, **engine.versions()}

    def decide(self, survey: Survey) -> None:
        """Bring together what all pictures show."""
        if not self.ocr_filter:
            return
        chosen, engine = self._chosen(), self._engine()
        if chosen is None or engine is None:
            log.info("no text is read: only marks that recur at one place are looked for")
            facts = {"name": "none"}
        else:
            log.info("text is read by %s: %s", chosen.name, chosen.why)
            facts = {"name": chosen.name, "why": chosen.why, **engine.versions()}
        readings = read_pictures(survey, engine, self.ocr_sample)
        self._inquest = Inquest(survey, self.policy, engine)
        tally = cast("OverlayTally", survey.tally(self))
        self._inquest.hold(tally, readings, Lexicon(self.ocr_lexicon), facts)

    def judge(self, batch: pa.RecordBatch) -> Iterator[Verdict]:
        """Say what was found in each picture, and do as the policy says."""
        sentences = {} if self._inquest is None else self._inquest.sentences
        for row, facts in enumerate(batch.column("image_facts").to_pylist() if sentences else ()):
            for image, fact in enumerate(facts):
                if (sentence := sentences.get(fact["digest"])) is not None:
                    path = batch.column("images")[row][image]["path"].as_py()
                    yield _verdict(row, image, path, sentence)

    def mend(self, view: View) -> bytes:
        """The picture without its marks, as PNG."""
        if self._inquest is None:
            raise TypeError("nothing was decided")
        return self._inquest.mend(view)

    @property
    def _reads_all(self) -> bool:
        return self.ocr_filter and self.ocr_engine != "none" and self.ocr_sample is None

    def _options(self) -> EngineOptions:
        languages = tuple(self.ocr_language)
        return EngineOptions(self.ocr_models, self.ocr_download, languages, self.ocr_side)

    def _chosen(self) -> Choice | None:
        if not self.ocr_filter or self.ocr_engine == "none":
            return None
        if self._choice is None:
            self._choice = choose(self.ocr_engine, self._options())
        return self._choice

    def _engine(self) -> TextEngine | None:
        chosen = self._chosen()
        return None if chosen is None else load(chosen.name, self._options())


def _verdict(row: int, image: int, path: str, sentence: Sentence) -> Verdict:
    why = Rejection(sentence.code, path, sentence.found, None, sentence.because)
    return Verdict(row, None, sentence.action, why, "warning", sentence.details, image)
