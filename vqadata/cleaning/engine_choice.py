"""Chooses the engine that reads text, and says why."""

from __future__ import annotations

from functools import lru_cache
from typing import NamedTuple

from vqadata import ocr
from vqadata.cleaning.text_engine import EngineOptions, TextEngine
from vqadata.discover import find, names
from vqadata.errors import OptionError

PREFERENCE = ("rapidocr", "easyocr", "tesseract")
"""Order of ``auto`` where no weights are named; engines that are not in it come last."""


class Choice(NamedTuple):
    """An engine, and why it was chosen."""

    name: str
    why: str


def choose(wanted: str, options: EngineOptions) -> Choice:
    """The engine to use.

    ``auto`` takes EasyOCR if weights for it were given or may be downloaded; otherwise the first
    that can run here: RapidOCR, which brings its weights along, then Tesseract.

    Args:
        wanted: Name of an engine, or ``auto``.
        options: What the user says of reading.

    Raises:
        OptionError: It cannot run; all reasons are told.
    """
    if wanted != "auto":
        if missing := _kind(wanted).missing(options):
            raise OptionError(f"--ocr-engine {wanted}", missing)
        return Choice(wanted, "it was asked for")
    given = options.models is not None or options.download
    order = sorted(names(ocr), key=lambda name: _rank(name, given))
    gone = {name: _kind(name).missing(options) for name in order}
    able = [name for name in order if not gone[name]]
    if not able:
        raise OptionError(
            "--ocr-engine auto", "no engine can run here: " + " | ".join(gone.values())
        )
    before = order[: order.index(able[0])]
    why = "; ".join([_REASONS.get(able[0], "it can run here"), *(gone[name] for name in before)])
    return Choice(able[0], why)


_REASONS = {
    "easyocr": "its weights are here or may be downloaded",
    "rapidocr": "it brings its weights along and is the fastest on a processor",
    "tesseract": "it is installed",
}


def _rank(name: str, given: bool) -> tuple[int, str]:
    if given and name == "easyocr":
        return -1, name
    return PREFERENCE.index(name) if name in PREFERENCE else len(PREFERENCE), name


def _kind(name: str) -> type[TextEngine]:
    return find(ocr, TextEngine, name, "--ocr-engine")  # type: ignore[type-abstract]


@lru_cache(maxsize=4)
def load(name: str, options: EngineOptions) -> TextEngine:
    """The engine of a name; loaded once in a process.

    Raises:
        VqaDataError: It cannot run.
    """
    return _kind(name)(options)
