"""Texts that say what they are: agencies, claims of ownership, credits, scanners, addresses.

A word alone proves little: a hospital has its name on its building, a shop its address on a van. So
each kind of term says where it counts:

- ``agency``, and what a user lists: anywhere;
- ``owner``: small letters, turned or level near the edge, or all that is written, in the middle;
  the sign ©: small letters, or the only ones;
- ``credit`` and addresses: small level letters near the edge of a picture with little other text;
  an address also if it is all that is written, large and level in the middle;
- ``stamp``: turned text, or the only word of a picture, in the middle;
- ``scanner``: near the edge of a picture without colours.
"""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path
from typing import NamedTuple

from vqadata.errors import OptionError
from vqadata.groundwork.yaml_file import read_mapping
from vqadata.watermarks.key import has_han, plain
from vqadata.watermarks.spot import Spot

TERMS = Path(__file__).parent / "terms.yaml"
"""The terms that are shipped."""

FUZZY_LENGTH, FUZZY = 8, 86.0
"""Terms of this many letters are also found misread within a text, from this similarity on (0 to
100): one letter of ten."""

LONG, FUZZY_LONG = 12, 82.0
"""In terms of this many letters two may be misread."""

WHOLE_LENGTH, WHOLE_ALIKE = 6, 83.0
"""Terms of this many letters are found misread if they are the whole text."""

CUT_LENGTH = 8
"""Letters of a single word that tell it if the rest was not read."""

WHOLE = 0.6
"""Smallest share of a text that a short term must make up."""

HALF = 0.5
"""The same for a short stamp that is a word of its own: Proof is no name of a bakery."""

MOST = 0.8
"""Share of a text from which on a term is all that it says."""

SMALL, TINY = 0.1, 0.08
"""Letters up to these shares of the short side are small, and those of a footnote."""

LARGE = 0.04
"""Letters from this share on are meant to be seen across the picture."""

FEW_LINES = 6
"""Readable texts up to which a picture has little text."""

ALONE = 2
"""Readable texts up to which a text is the only one: noise reads as text too."""

GREY = 6.0
"""Colourfulness up to which a picture has no colours."""

ADDRESS = re.compile(
    r"https?://|\bwww[.\s]\s?[a-z0-9-]{2,}|"
    r"\b[a-z0-9][a-z0-9-]{1,40}\.(?:com|net|org|info|biz|io|co|me|tv|ru|su|cn|de|fr|jp|uk|eu|it|es|"
    r"nl|pl|br|in|kr|tw|hk|photo|photos|photography|pics|gallery|studio|art)\b",
    re.I,
)
"""An address of the web; the domains are those that are most used, and those of photographers."""

CLAIM = re.compile(r"©|\(c\)\s*[a-z12]|ⓒ|\bcopyright\W+(?:by|(?:19|20)\d\d)\b|℗", re.I)
"""A sign of copyright, or the word as only a claim has it."""

CREDIT = re.compile(
    r"^\W*(?:photo|foto|bild|image|picture|pic|credits?|cr[eé]dit|video)"
    r"(?:\s*(?:credits?|by|courtesy|source))?"
    r"\s*[:\uff1a/|©]\s*\w{2}|^[图文摄]\s?[/\uff0f|\uff1a:]\s*\w|"
    r"^\W*(?:ap|afp|epa|upi|dpa|ansa|tass|kyodo|reuters|xinhua)"
    r"(?:\s*/\s*[a-z]|\s*(?:photo|images?)\s*[/|!fijl1]\s*[a-z])|"
    r"(?:#|\b(?:id|no|nr|ref)\b|image|stock)\s*[.:#]{0,2}\s*\d{5,}",
    re.I,
)
"""Credits: Photo: Jane Doe, Image credit: X, AP Photo/J. Doe (or with its stroke read as a letter),
图/新华社; and numbers of pictures: ID 7746781."""

BURNT = re.compile(
    r"\b(?:mrn|dob|acc|se|ser|im|img|ex|thk|fov|t[re]|kvp?|mas?)\b\s*[:#.=]?\s*\d|"
    r"\b\d{1,3}(?:\.\d)?\s*(?:kvp?|mas?)\b|\b[mf]?\s?0?\d\d\s?y(?:rs?)?\b",
    re.I,
)
"""Fields of a scanner with their value: Se: 3, TR 500, MRN 77231, 85 kVp, F 047Y."""

DATED = re.compile(r"^[\W_cCeG0O@]{0,3}\s*(?:19|20)\d\d\s*[^\W\d_][\w.]+\s*[^\W\d_]\w+")
"""A year and a name: a claim of ownership whose sign was not read."""

NAMED = re.compile(r"^\W*[A-Z][a-z]+(?: [A-Z]\.?)? [A-Z][a-z]+,? (?:19|20)\d\d\W*$")
"""A name and a year."""

HANDLE = re.compile(r"^\W*@\s?(?=[\w. ]{3,})[\w.]+(?: [\w.]+)?$")
"""A name in a social network."""


class Term(NamedTuple):
    """What a text was told by."""

    kind: str
    """agency, owner, credit, stamp, scanner, address or listed."""
    text: str
    """The term, or the pattern's name."""


class Scene(NamedTuple):
    """What the rules need to know of the picture around a text."""

    lines: int
    """Different readable texts in it."""
    colourful: float
    """Mean difference between colour channels, in levels of 255."""


class Lexicon:
    """All terms.

    Args:
        listed: A user's file, a term a line; ``re:`` begins a regular expression, ``#`` a remark.

    Raises:
        OptionError: The file cannot be read, or an expression of it is none.
    """

    def __init__(self, listed: Path | None = None) -> None:
        """Read the terms."""
        self._terms = [*_shipped()]
        self._patterns: list[tuple[str, re.Pattern[str]]] = []
        for number, line in enumerate(_lines(listed), 1):
            if line.startswith("re:"):
                self._patterns.append((line, _pattern(line[3:].strip(), f"{listed}:{number}")))
            elif line and not line.startswith("#"):
                self._terms.insert(0, (Term("listed", line), plain(line)))

    def find(self, spot: Spot, scene: Scene) -> Term | None:
        """The term that makes a text a mark, ``None`` if there is none."""
        text, words = spot.line.text, plain(spot.line.text)
        tokens = {plain(token) for cut in (_APART, _BETWEEN) for token in cut.split(text)}
        for name, pattern in self._patterns:
            if pattern.search(text):
                return Term("listed", name)
        for term, wanted in self._terms:
            if _says(words, wanted, tokens, term.kind) or _is_cut(words, term, wanted):
                whole = len(wanted) >= MOST * len(words)
                if _counts(term.kind, spot, scene, whole):
                    return term
        if CLAIM.search(text) and _counts("sign", spot, scene):
            return Term("owner", "©")
        if any(form.search(text) for form in (DATED, NAMED, CREDIT)) and _counts(
            "credit", spot, scene
        ):
            return Term("credit", "a name with a year, or after what it made")
        if BURNT.search(text) and _counts("scanner", spot, scene):
            return Term("scanner", "a field and its value")
        address = ADDRESS.search(text) or HANDLE.search(text)
        if address and _counts("address", spot, scene, _is_word(address, text)):
            return Term("address", address.group())
        return None


def _counts(kind: str, spot: Spot, scene: Scene, whole: bool = False) -> bool:
    """Whether a term of a kind makes a mark of the text where it stands.

    Args:
        kind: Kind of the term.
        spot: The text.
        scene: The picture around it.
        whole: Whether the text says nothing else.
    """
    if kind in ("agency", "listed"):
        return True
    alone = scene.lines <= ALONE
    if kind == "sign":
        return spot.is_small(SMALL) or alone
    across = alone and whole and spot.central
    if kind == "owner":
        small = spot.size <= SMALL and (spot.turned or (spot.level and spot.near_edge))
        return small or across
    if kind in ("credit", "address"):
        footnote = spot.near_edge and spot.level and spot.is_small(TINY)
        stamped = spot.turned or (across and spot.level and spot.size >= LARGE)
        return scene.lines <= FEW_LINES and (footnote or (kind == "address" and stamped))
    if kind == "stamp":
        return spot.turned or across
    return scene.colourful <= GREY and spot.near_edge and spot.size <= SMALL


def _is_word(found: re.Match[str], text: str) -> bool:
    """Whether a text is one word, and begins with what was found in it."""
    return found.start() == 0 and len(text.split()) == 1


_BETWEEN = re.compile(r"[\W_]+")
_APART = re.compile(r"[\W_]+|(?<=[^\W\d])(?=\d)|(?<=\d)(?=[^\W\d])")
"""Between words, and between letters and digits."""


def _says(words: str, wanted: str, tokens: set[str], kind: str) -> bool:
    """Whether a text holds a term.

    A short one has to make up most of it or be a word of its own.
    """
    from rapidfuzz.fuzz import partial_ratio, ratio

    if wanted in words:
        short = len(wanted) < (3 if has_han(wanted) else 7)
        own = wanted in tokens or (kind != "agency" and has_han(wanted))
        own &= kind != "stamp" or words.count(wanted) * len(wanted) >= HALF * len(words)
        return not short or own or len(wanted) >= WHOLE * len(words)
    if len(wanted) >= WHOLE_LENGTH and ratio(wanted, words) >= WHOLE_ALIKE:
        return True
    if len(wanted) < FUZZY_LENGTH or len(words) < len(wanted) - 2:
        return False
    enough = FUZZY_LONG if len(wanted) >= LONG else FUZZY
    return bool(partial_ratio(wanted, words, score_cutoff=enough))


def _is_cut(words: str, term: Term, wanted: str) -> bool:
    """Whether a text is the beginning of a long word: CONFIDEN."""
    return len(words) >= CUT_LENGTH and wanted.startswith(words) and len(term.text.split()) == 1


@cache
def _shipped() -> tuple[tuple[Term, str], ...]:
    document = read_mapping(TERMS, str(TERMS), "a mapping of kinds to terms")
    return tuple(
        (Term(kind, str(term)), plain(str(term)))
        for kind, terms in document.items()
        for term in terms
    )


def _lines(listed: Path | None) -> list[str]:
    if listed is None:
        return []
    try:
        return [line.strip() for line in listed.read_text(encoding="utf-8").splitlines()]
    except (OSError, UnicodeDecodeError) as error:
        raise OptionError(
            "--ocr-lexicon", f"{listed}: {error}", "a text file, a term a line"
        ) from None


def _pattern(text: str, where: str) -> re.Pattern[str]:
    try:
        return re.compile(text, re.I)
    except re.error as error:
        raise OptionError(where, str(error), "a regular expression") from None
