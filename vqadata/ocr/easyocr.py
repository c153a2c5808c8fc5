"""EasyOCR 1.7: CRAFT finds text, a CRNN reads it, in some eighty languages; slow on a CPU.

Source: https://github.com/JaidedAI/EasyOCR. Its weights are no part of the package. They are taken
from the folder of ``--ocr-models`` (or EasyOCR's own), and downloaded only where that is allowed.
EasyOCR opens them as pickles, which can run code; so each file is first held against the digest
that was published and opened as plain weights, before EasyOCR is given the folder.
"""

from __future__ import annotations

import importlib.metadata
import importlib.util
import shutil
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from vqadata.cleaning.text_engine import EngineOptions, TextEngine, TextLine
from vqadata.errors import MissingExtraError, VqaDataError
from vqadata.groundwork.digests import file_digest

if TYPE_CHECKING:
    from vqadata.cleaning.text_engine import Rgb

SHA256 = {
    "craft_mlt_25k.pth": "4a5efbfb48b4081100544e75e1e2b57f8de3d84f213004b14b85fd4b3748db17",
    "english_g2.pth": "e2272681d9d67a04e2dff396b6e95077bc19001f8f6d3593c307b9852e1c29e8",
    "zh_sim_g2.pth": "cb678fdef09d651e7763ca551ad790dc89f0b2e3d2a640484330e338fb574c7a",
}
"""Published weights."""

LANGUAGE = {"en": "en", "zh": "ch_sim"}
"""EasyOCR's names of languages."""

DETECTOR = "craft_mlt_25k.pth"


class EasyOcr(TextEngine):
    """CRAFT and CRNN on torch; its weights have to be given."""

    name: ClassVar[str] = "easyocr"
    sure: ClassVar[float] = 0.4

    @classmethod
    def missing(cls, options: EngineOptions) -> str:
        """Whether the packages and the weights are there."""
        for package in ("torch", "easyocr"):
            if importlib.util.find_spec(package) is None:
                return str(MissingExtraError("easyocr", "easyocr", package))
        gone = [name for name in _needed(options) if not (_folder(options) / name).is_file()]
        if gone and not options.download:
            return (
                f"easyocr: no weights {', '.join(gone)} in {_folder(options)}. Put them there or "
                "name their folder with --ocr-models DIR, allow the download with --ocr-download, "
                "or choose --ocr-engine rapidocr, which brings its weights along."
            )
        return ""

    def __init__(self, options: EngineOptions) -> None:
        """Check the weights, then let EasyOCR load them."""
        if missing := self.missing(options):
            raise VqaDataError("--ocr-engine easyocr", missing)
        self.options = options
        self._digests = {
            name: checked_weights(_folder(options) / name)
            for name in _needed(options)
            if (_folder(options) / name).is_file()
        }
        self._reader = _reader(options)

    def versions(self) -> dict[str, str]:
        """Packages and weights."""
        packages = {name: importlib.metadata.version(name) for name in ("easyocr", "torch")}
        return packages | self._digests

    def read_fitted(self, rgb: Rgb) -> list[TextLine]:
        """Detect and recognise."""
        found = self._reader.readtext(rgb, canvas_size=self.options.side, batch_size=8)
        return [
            TextLine(text, confidence, tuple(float(value) for point in box for value in point))
            for box, text, confidence in found
        ]


def checked_weights(file: Path) -> str:
    """The sha256 of a file of weights that is what it should be.

    Raises:
        VqaDataError: It is not the published one, or holds more than weights.
    """
    import torch

    digest = file_digest(file)
    wanted = SHA256.get(file.name)
    if wanted is not None and digest != wanted:
        raise VqaDataError(
            str(file),
            f"sha256 {digest}",
            wanted,
            "The file is damaged or another one; fetch it again.",
        )
    try:
        torch.load(file, map_location="cpu", weights_only=True)
    except Exception as error:  # noqa: BLE001 - a hostile pickle raises anything
        found = str(error).split("\n", 1)[0][:200]
        raise VqaDataError(str(file), found, "plain weights", "Do not use this file.") from None
    return digest


def _reader(options: EngineOptions) -> Any:
    """EasyOCR's reader, without a folder from which it could import code."""
    _let_torchvision_load()
    import easyocr
    import torch

    torch.set_num_threads(1)
    empty = tempfile.mkdtemp()
    try:
        return easyocr.Reader(
            [LANGUAGE.get(name, name) for name in options.languages],
            gpu=torch.cuda.is_available(),
            model_storage_directory=str(_folder(options)),
            user_network_directory=empty,
            download_enabled=options.download,
            verbose=False,
        )
    except (FileNotFoundError, ValueError) as error:
        raise VqaDataError("--ocr-engine easyocr", str(error), "", _REMEDY) from None
    finally:
        sys.path[:] = [entry for entry in sys.path if entry != empty]
        shutil.rmtree(empty, ignore_errors=True)


_REMEDY = "See --ocr-models, or choose --ocr-engine rapidocr."


def _let_torchvision_load() -> None:
    """Declare two operators of torchvision that its library would bring, where it does not load.

    Beside a torch for CPUs, package managers install a torchvision for CUDA, whose library does not
    load; it then fails at import for want of these. EasyOCR uses neither.
    """
    import torch

    if "torchvision" in sys.modules or _DECLARED:
        return
    spec = importlib.util.find_spec("torchvision")
    libraries = sorted(Path(spec.origin).parent.glob("_C*")) if spec and spec.origin else []
    try:
        for library in libraries:
            torch.ops.load_library(str(library))  # type: ignore[no-untyped-call]
    except OSError:
        declared = torch.library.Library("torchvision", "DEF")  # type: ignore[no-untyped-call]
        boxes = "(Tensor dets, Tensor scores, float iou_threshold) -> Tensor"
        for name in ("nms", "qnms"):
            declared.define(name + boxes)  # type: ignore[no-untyped-call]
        _DECLARED.append(declared)


_DECLARED: list[Any] = []
"""Declarations last as long as they are held."""


def _needed(options: EngineOptions) -> list[str]:
    """Files of weights for the languages, as far as they are known."""
    reader = "zh_sim_g2.pth" if "zh" in options.languages else "english_g2.pth"
    known = set(options.languages) <= set(LANGUAGE)
    return [DETECTOR, reader] if known else [DETECTOR]


def _folder(options: EngineOptions) -> Path:
    return options.models or Path.home() / ".EasyOCR" / "model"
