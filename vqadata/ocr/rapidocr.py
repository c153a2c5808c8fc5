"""RapidOCR: PP-OCRv6 small on onnxruntime, for English, Chinese and some fifty more.

Its wheel holds the weights (Apache-2.0), so it reads offline at once. Source:
https://github.com/RapidAI/RapidOCR. Two of its defaults are changed, both measured: pictures are
normalised as the models were trained (mean and deviation of ImageNet), which reads more marks and
sees less text where there is none; and the size of a picture is not changed, which is done before
(:func:`vqadata.cleaning.text_engine.fit`).
"""

from __future__ import annotations

import importlib.metadata
import importlib.util
import math
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from vqadata.cleaning.text_engine import EngineOptions, TextEngine, TextLine
from vqadata.errors import MissingExtraError, VqaDataError
from vqadata.groundwork.digests import file_digest

if TYPE_CHECKING:
    from vqadata.cleaning.text_engine import Rgb

WEIGHTS = {"Det": "PP-OCRv6_det_small.onnx", "Rec": "PP-OCRv6_rec_small.onnx"}
"""Files of weights in the wheel, by task."""

UNSURE = 0.2
"""Lines below this confidence are noise."""

TALL = 1.5
"""How many times higher than wide a box is whose text RapidOCR takes for upright."""

CERTAIN = 0.9
"""Confidence from which on an upright line is not read the other way round as well."""

MEAN, DEVIATION = [0.485, 0.456, 0.406], [0.229, 0.224, 0.225]
"""Of ImageNet, by which PaddleOCR's detectors were trained."""


class RapidOcr(TextEngine):
    """PP-OCRv6 on onnxruntime; brings its weights along."""

    name: ClassVar[str] = "rapidocr"

    @classmethod
    def missing(cls, options: EngineOptions) -> str:
        """Whether the packages are there and hold the weights."""
        for package in ("rapidocr", "onnxruntime"):
            if importlib.util.find_spec(package) is None:
                return str(MissingExtraError("rapidocr", "ocr", package))
        gone = [name for name in WEIGHTS.values() if not (_folder(options) / name).is_file()]
        if gone:
            return (
                f"rapidocr: no weights {', '.join(gone)} in {_folder(options)}. "
                "Install rapidocr 3.9 or later, whose wheel holds them."
            )
        return ""

    def __init__(self, options: EngineOptions) -> None:
        """Load both models; one thread, because pictures are read side by side."""
        if missing := self.missing(options):
            raise VqaDataError("--ocr-engine rapidocr", missing)
        from rapidocr import RapidOCR

        self.options = options
        folder = _folder(options)
        self._files = [folder / name for name in WEIGHTS.values()]
        settings: dict[str, Any] = {
            "Global.use_cls": False,
            "Global.text_score": UNSURE,
            "Global.log_level": "error",
            "Global.max_side_len": 100_000,
            "Det.limit_type": "max",
            "Det.limit_side_len": options.side,
            "Det.mean": MEAN,
            "Det.std": DEVIATION,
            "EngineConfig.onnxruntime.intra_op_num_threads": 1,
            "EngineConfig.onnxruntime.inter_op_num_threads": 1,
        }
        settings |= {f"{task}.model_path": str(folder / name) for task, name in WEIGHTS.items()}
        self._engine = RapidOCR(params=settings)

    def versions(self) -> dict[str, str]:
        """Packages and weights."""
        return {
            "rapidocr": importlib.metadata.version("rapidocr"),
            "onnxruntime": importlib.metadata.version("onnxruntime"),
            **{file.name: file_digest(file) for file in self._files},
        }

    def read_fitted(self, rgb: Rgb) -> list[TextLine]:
        """Detect and recognise."""
        bgr = rgb[:, :, ::-1].copy()
        found = self._engine(bgr, use_det=True, use_cls=False)
        if found.boxes is None or found.txts is None or found.scores is None:
            return []
        lines = [
            TextLine(text, score, tuple(float(value) for point in box for value in point))
            for box, text, score in zip(found.boxes, found.txts, found.scores, strict=True)
        ]
        return [self._upright(bgr, line) if is_tall(line.corners) else line for line in lines]

    def _upright(self, bgr: Rgb, line: TextLine) -> TextLine:
        """A line that runs up or down, its corners as seen along it.

        RapidOCR takes each for running down; of those that run up it reads something, standing
        on its head. So what was not read for certain is read the other way round as well.
        """
        down = line._replace(corners=(*line.corners[2:], *line.corners[:2]))
        if line.confidence >= CERTAIN:
            return down
        corners = (*line.corners[6:], *line.corners[:6])
        found = self._engine(straightened(bgr, corners), use_det=False, use_cls=False)
        if not found.txts or not found.txts[0].strip() or found.scores[0] <= line.confidence:
            return down
        return TextLine(found.txts[0], found.scores[0], corners)


def is_tall(corners: tuple[float, ...]) -> bool:
    """Whether a box is so much higher than wide that RapidOCR takes its text for upright.

    >>> is_tall((0, 0, 10, 0, 10, 15, 0, 15)), is_tall((0, 0, 10, 0, 10, 14, 0, 14))
    (True, False)
    """
    wide = math.dist(corners[0:2], corners[2:4])
    return math.dist(corners[0:2], corners[6:8]) >= TALL * max(wide, 1.0)


def straightened(bgr: Rgb, corners: tuple[float, ...]) -> Rgb:
    """What is within four corners, given as seen along a text, as a level strip."""
    import cv2
    import numpy as np

    source = np.array(corners, np.float32).reshape(4, 2)
    wide = max(round(math.dist(corners[0:2], corners[2:4])), 1)
    high = max(round(math.dist(corners[0:2], corners[6:8])), 1)
    target = np.array([(0, 0), (wide, 0), (wide, high), (0, high)], np.float32)
    matrix = cv2.getPerspectiveTransform(source, target)
    return np.asarray(
        cv2.warpPerspective(
            bgr, matrix, (wide, high), flags=cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE
        ),
        np.uint8,
    )


def _folder(options: EngineOptions) -> Path:
    """The user's folder if it holds the weights, else that of the package."""
    if options.models and all((options.models / name).is_file() for name in WEIGHTS.values()):
        return options.models
    spec = importlib.util.find_spec("rapidocr")
    return Path(spec.origin or "").parent / "models" if spec else Path()
