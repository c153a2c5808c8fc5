"""Makes one HTML file of a template, its style sheets, its programs and its data.

The file needs nothing else: no network, no other file. A Content-Security-Policy says so to the
browser: it runs the programs and styles of that file by their sha256, shows pictures that stand
inside it, and fetches nothing. All text is escaped by the template engine; data goes in as JSON in
a block that is no program, and a page puts it on the screen as text only.

It knows nothing of data sets: whoever wants a page brings a template that extends ``shell.html``.
"""

from __future__ import annotations

import base64
import gzip
import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from importlib.resources import files
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from jinja2 import Environment

HERE = "vqadata.page"
STYLES = ((HERE, "shell.css"),)
PROGRAMS = ((HERE, "shell.js"), (HERE, "list.js"))

UNSEEN = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\xad\u061c\u180e\u200b\u200e\u200f\u202a-\u202e\u2060-\u2069\ufeff"
    "\ufff9-\ufffb\u2028\u2029\ue000-\uf8ff]"
)
"""Characters that are not seen, or that make text read otherwise than it is stored."""


class Page(NamedTuple):
    """What a page is made of."""

    package: str
    """Package that holds the files."""
    template: str
    """Its template, which extends ``shell.html``."""
    styles: Sequence[str]
    programs: Sequence[str]
    """Names of its own style sheets and programs; those of the shell come first."""


def render(
    page: Page, context: Mapping[str, Any], data: Mapping[str, Any], blobs: Sequence[str] = ()
) -> str:
    """Make the file.

    Args:
        page: The template and its files.
        context: What the template names; the shell wants ``title``.
        data: Blocks of data by name, each packed; programs read them with ``unpack(name)``.
        blobs: Base64 that is read one by one when it is wanted, as pictures are: ``blob(number)``.
    """
    style = "\n".join(_text(*place) for place in (*STYLES, *_of(page, page.styles)))
    programs = (*PROGRAMS, *_of(page, page.programs))
    program = '"use strict";\n' + "\n".join(_text(*place) for place in programs)
    shell = {
        "style": style,
        "program": program,
        "policy": _policy(style, program),
        "blocks": {name: packed(value) for name, value in data.items()},
        "blobs": blobs,
    }
    return _environment(page.package).get_template(page.template).render(**context, shell=shell)


def packed(value: Any) -> str:
    """A value as base64 of compressed JSON, the same bytes for the same value."""
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    raw = text.encode("utf-8", "surrogatepass")
    return base64.b64encode(gzip.compress(raw, 6, mtime=0)).decode()


def columns(table: Mapping[str, Sequence[Any]]) -> dict[str, Any]:
    """Columns of a list in a small form: those that repeat themselves by numbers of values.

    >>> columns({"code": ["a", "b", "a", "a"], "id": ["1", "2", "3", "4"]})
    {'code': {'values': ['a', 'b'], 'rows': [0, 1, 0, 0]}, 'id': ['1', '2', '3', '4']}
    """
    small: dict[str, Any] = {}
    for name, column in table.items():
        places: dict[Any, int] = {}
        rows = [places.setdefault(value, len(places)) for value in column]
        few = len(places) * 2 <= len(rows)
        small[name] = {"values": list(places), "rows": rows} if few else list(column)
    return small


def _environment(package: str) -> Environment:
    from jinja2 import ChoiceLoader, Environment, PackageLoader, StrictUndefined

    home, folder = HERE.rpartition(".")[::2]
    loaders = [PackageLoader(*package.rpartition(".")[::2]), PackageLoader(home, folder)]
    environment = Environment(
        loader=ChoiceLoader(loaders), autoescape=True, undefined=StrictUndefined,
        trim_blocks=True, lstrip_blocks=True, finalize=shown,
    )  # fmt: skip
    environment.filters |= {
        "number": "{:,}".format, "percent": percent, "pretty": pretty, "plain": plain,
    }  # fmt: skip
    return environment


def shown(value: Any) -> Any:
    """A text as it is stored: what cannot be seen is named. Everything else as it is.

    >>> str(shown("a\u202e<b"))
    'a<span class="hidden-character">U+202E</span>&lt;b'
    """
    from markupsafe import Markup, escape

    if not isinstance(value, str) or isinstance(value, Markup) or not UNSEEN.search(value):
        return value
    start, mark = 0, Markup('<span class="hidden-character">U+{:04X}</span>')
    pieces = []
    for hit in UNSEEN.finditer(value):
        pieces += [escape(value[start : hit.start()]), mark.format(ord(hit[0]))]
        start = hit.end()
    return Markup("").join([*pieces, escape(value[start:])])


def plain(text: str) -> str:
    """A text for an attribute or the title, escaped; what cannot be seen is left out.

    Nothing can be marked there.

    >>> str(plain('a\u202e"b'))
    'a&#34;b'
    """
    from markupsafe import escape

    return escape(UNSEEN.sub("", text))


def pretty(value: Any) -> str:
    """A value of an option as a person reads it."""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def percent(share: float) -> str:
    """A share as a person reads it: small ones are not called nothing, nor large ones all.

    >>> percent(0.5), percent(0.00004), percent(0.99999), percent(0)
    ('50.0%', '< 0.1%', '> 99.9%', '0%')
    """
    if share in (0, 1):
        return f"{share:.0%}"
    if share < 0.001:
        return "< 0.1%"
    return "> 99.9%" if share > 0.999 else f"{share:.1%}"


def _text(package: str, name: str) -> str:
    return files(package).joinpath(name).read_text(encoding="utf-8")


def _of(page: Page, names: Sequence[str]) -> list[tuple[str, str]]:
    return [(page.package, name) for name in names]


def _policy(style: str, program: str) -> str:
    """What the browser may do: run this program, use this style, show pictures of this file."""
    return "; ".join(
        [
            "default-src 'none'",
            "img-src data: blob:",
            f"style-src 'sha256-{_sha256(style)}'",
            f"script-src 'sha256-{_sha256(program)}'",
            "base-uri 'none'",
            "form-action 'none'",
        ]
    )


def _sha256(text: str) -> str:
    return base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
