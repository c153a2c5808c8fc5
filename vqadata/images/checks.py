"""The codes of the picture audit, one entry each: what it means, when it holds, what is done.

To add a code, add an entry; if it needs a fact that is not known yet, add a column to the cleaner
``audit``. ``when`` is an SQL expression over the columns of the survey and the options in braces.
"""

from __future__ import annotations

from pathlib import PurePosixPath
from typing import Literal, NamedTuple

Action = Literal["drop", "flag", "note", "strip", "ignore"]
"""``drop``: the questions go. ``flag``: they stay, with a remark in ledger and findings. ``note``:
a remark in the findings alone. ``strip``: the picture stays without its place. ``ignore``: nothing.
"""


DEADLY = "deadly"
"""Code of a picture that kills the process that examines it."""


class Check(NamedTuple):
    """One code."""

    code: str
    severity: Literal["error", "warning", "info"]
    action: Action
    """What is done by default."""
    when: str
    found: str
    """The evidence; columns in braces."""
    expected: str
    of: Literal["picture", "mention"] = "picture"
    """Whether it is about the bytes, or about a row that names them."""
    score: str | None = None
    """Column of the figure that a person may want to sort by."""


def _fault(code: str, expected: str) -> Check:
    """A picture that cannot be used at all."""
    return Check(code, "error", "drop", f"fault = '{code}'", "{fault_detail}", expected)


CHECKS = [
    Check("missing", "error", "drop", "digest IS NULL", "no file", "a picture", "mention"),
    _fault("zero-bytes", "a picture"),
    _fault("pointer-file", "the picture that it points to (git lfs pull, git annex get)"),
    _fault("not-a-picture", "a picture"),
    _fault("too-many-pixels", "at most {max_pixels} pixels"),
    _fault("truncated", "a whole picture"),
    _fault(DEADLY, "a picture that can be decoded"),
    Check(
        "bit-rot", "warning", "flag",
        "bit_rot IS NOT NULL", "{bit_rot}", "a JPEG of which libjpeg has nothing to say",
    ),
    Check(
        "wrong-extension", "warning", "flag",
        "NOT right_suffix", "{format} in a file called *{suffix}", "a name of its format",
        of="mention",
    ),
    Check(
        "animated", "warning", "flag",
        "frames > 1", "{frames} frames or pages", "one; the first is taken",
    ),
    Check(
        "deep-grey", "info", "note",
        "mode IN ('I', 'I;16', 'I;16B', 'I;16L', 'I;16N', 'F')",
        "{mode}, more than 8 bits a pixel", "8 bits; scaled from its own range",
    ),
    Check(
        "alpha", "info", "note",
        "see_through", "{mode} with see-through pixels", "none; put on white",
    ),
    Check("palette", "info", "note", "mode IN ('P', 'PA')", "colours by palette", "RGB; converted"),
    Check("cmyk", "info", "note", "mode = 'CMYK'", "CMYK, colours of print", "RGB; converted"),
    Check(
        "exif-rotated", "info", "note",
        "orientation > 1", "EXIF orientation {orientation}", "upright; turned",
    ),
    Check(
        "gps", "warning", "flag",
        "gps", "the place where it was taken", "none; strip takes it out",
    ),
    Check(
        "extreme-aspect", "warning", "flag",
        "GREATEST(width, height) > {aspect} * LEAST(width, height)",
        "{width} x {height} pixels", "sides of at most {aspect} to 1",
    ),
    Check(
        "tiny", "warning", "flag",
        "LEAST(width, height) < {side}", "{width} x {height} pixels", "sides of {side} or more",
    ),
    Check(
        "blank", "warning", "flag",
        "brightest - darkest <= {blank}",
        "grey levels {darkest} to {brightest}", "more than {blank} levels between them",
    ),
    Check(
        "dark", "warning", "flag",
        "bright <= {dark} AND brightest - darkest > {blank}",
        "99% of the pixels at {bright} of 255 or below", "more than {dark}", score="bright",
    ),
    Check(
        "blurred", "warning", "flag",
        "blur >= {blurred}", "blur effect {blur:.2f}", "less than {blurred}", score="blur",
    ),
]  # fmt: skip

SUFFIXES = {
    "JPEG": (".jpg", ".jpeg", ".jpe", ".jfif"), "MPO": (".jpg", ".jpeg", ".mpo"), "PNG": (".png",),
    "GIF": (".gif",), "WEBP": (".webp",), "TIFF": (".tif", ".tiff"), "BMP": (".bmp", ".dib"),
    "AVIF": (".avif",), "JPEG2000": (".jp2", ".j2k", ".jpx"), "PPM": (".ppm", ".pgm", ".pbm"),
}  # fmt: skip
"""Extensions of the common formats; of others none is wrong."""


def renamed(path: str, kind: str | None) -> str:
    """The name of a picture that was written anew in another format."""
    return path.removesuffix(PurePosixPath(path).suffix) + SUFFIXES.get(kind or "", ("",))[0]


_NAMED = {suffix for group in SUFFIXES.values() for suffix in group}


def right_suffix(format_name: str | None, suffix: str) -> bool:
    """Whether a file of a format may be called so; a name without extension may always.

    >>> right_suffix("GIF", ".jpg"), right_suffix("GIF", ".GIF"), right_suffix("GIF", "")
    (False, True, True)
    """
    known = SUFFIXES.get(format_name or "")
    return known is None or suffix.lower() in known or suffix.lower() not in _NAMED
