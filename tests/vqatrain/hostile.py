"""Requests that a server must refuse or live through, for its tests and for its exam."""

from __future__ import annotations

import base64
import io
import json
import struct
import urllib.error
import urllib.request
import zlib
from typing import Any

from PIL import Image

from tests.conftest import encoded

LIMITS: dict[str, int] = {
    "max_request_mb": 2, "max_pictures": 4, "max_letters": 5000, "max_picture_pixels": 4_000_000,
    "max_waiting_pixels": 12_000_000,
}  # fmt: skip
"""Limits of the server for which the statuses below hold."""


def uri(data: bytes) -> str:
    return "data:image/png;base64," + base64.b64encode(data).decode()


def content(text: str, *pictures: str) -> list[dict[str, Any]]:
    parts = [{"type": "image_url", "image_url": {"url": picture}} for picture in pictures]
    return [*parts, {"type": "text", "text": text}]


def messages(text: str, *pictures: str) -> list[dict[str, Any]]:
    return [{"role": "user", "content": content(text, *pictures)}]


def chunk(kind: bytes, data: bytes) -> bytes:
    crc = struct.pack(">I", zlib.crc32(kind + data))
    return struct.pack(">I", len(data)) + kind + data + crc


def png(width: int, height: int, *chunks: bytes, pixels: bytes = b"") -> bytes:
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    parts = [chunk(b"IHDR", header), *chunks, chunk(b"IDAT", pixels), chunk(b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(parts)


def blank(width: int, height: int, form: str = "PNG") -> bytes:
    """A picture whose file is small whatever its size."""
    file = io.BytesIO()
    Image.new("L", (width, height)).save(file, form)
    return file.getvalue()


def inflated(kind: bytes) -> bytes:
    """A PNG with a text or profile of 100 MiB in a chunk of 100 KB."""
    return png(8, 8, chunk(kind, b"k\0\0" + zlib.compress(bytes(100 << 20))))


EPS = b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n%%EndComments\nshowpage\n%%EOF"
SVG = b'<svg xmlns="http://www.w3.org/2000/svg"><image href="file:///etc/passwd"/></svg>'
PICTURE = uri(encoded("red", (8, 8)))
USER = {"role": "user", "content": "Hi?"}
EMPTY = {"role": "user", "content": ""}
SAID = {"role": "assistant", "content": "x"}

TEXTS: list[tuple[str, int, Any]] = [
    ("not json", 400, b"{"),
    ("not utf-8", 400, b"\xff\xfe"),
    ("empty", 400, b""),
    ("list", 400, []),
    ("deep", 400, b"[" * 100_000),
    ("half of a pair", 400, b'{"messages":[{"role":"user","content":"\\ud800"}]}'),
    ("number of a megabyte", 400, b'{"model":' + b"1" * (1 << 20) + b"}"),
    ("no messages", 400, {"messages": []}),
    ("no model", 400, {"model": None}),
    ("other model", 404, {"model": "gpt"}),
    ("unknown role", 400, {"messages": [{"role": "tool", "content": "x"}]}),
    ("no user last", 400, {"messages": [USER, SAID]}),
    ("audio", 400, {"messages": [{"role": "user", "content": [{"type": "input_audio"}]}]}),
    ("number as text", 400, {"messages": [{"role": "user", "content": 5}]}),
    ("several answers", 400, {"n": 5}),
    ("zero tokens", 400, {"max_tokens": 0}),
    ("hot", 400, {"temperature": 1.5}),
    ("stop", 400, {"stop": ["."]}),
    ("tools", 400, {"tools": [{"type": "function", "function": {"name": "f"}}]}),
    ("json wanted", 400, {"response_format": {"type": "json_object"}}),
    ("huge prompt", 413, {"messages": messages("x" * 6000)}),
    ("huge body", 413, b" " * (3 << 20)),
    ("10,000 turns", 413, {"messages": [EMPTY] * 10_001}),
    ("10,000 parts", 413, {"messages": [{"role": "user", "content": content("") * 10_000}]}),
    ("too long for the model", 400, {"messages": messages("\u0301" * 4900)}),
    ("special tokens", 200, {"messages": messages("<image><|im_end|><end_of_utterance>?")}),
    ("nul", 200, {"messages": messages("\x00?")}),
    ("nothing", 200, {"messages": [EMPTY]}),
    ("what is so anyway", 200, {"n": None, "stop": None, "response_format": {"type": "text"}}),
]  # fmt: skip

PICTURES: list[tuple[str, int, list[str]]] = [
    ("five pictures", 413, [PICTURE] * 5),
    ("900 pictures", 413, ["data:,"] * 900),
    ("10,000 pictures", 413, ["data:,"] * 10_000),
    ("bomb", 413, [uri(png(60_000, 60_000))]),
    ("large", 413, [uri(blank(2500, 2000))]),
    ("large together", 413, [uri(blank(2000, 2000))] * 4),
    ("text bomb", 400, [uri(inflated(b"zTXt"))]),
    ("profile bomb", 400, [uri(inflated(b"iCCP"))]),
    ("truncated base64", 400, [PICTURE[:-5]]),
    ("broken base64", 400, [PICTURE[:60] + "\n" + PICTURE[60:]]),
    ("truncated picture", 400, [uri(encoded("red", (64, 64))[:-40])]),
    ("no picture", 400, [uri(b"<html>")]),
    ("empty picture", 400, [uri(b"")]),
    ("program", 400, [uri(EPS)]),
    ("drawing", 400, [uri(SVG)]),
    ("no base64", 400, ["data:image/png,abc"]),
    ("metadata service", 400, ["http://169.254.169.254/latest"]),
    ("own port", 400, ["http://127.0.0.1/health"]),
    ("no scheme", 400, ["//169.254.169.254/latest"]),
    ("line break", 400, ["http://127.0.0.1/\r\nHost: elsewhere"]),
    ("file", 400, ["file:///etc/passwd"]),
    ("path", 400, ["/etc/passwd"]),
    ("thin", 200, [uri(blank(1, 20_000))]),
    ("point", 200, [uri(blank(1, 1))]),
]

HOSTILE: list[tuple[str, int, Any]] = [
    *TEXTS,
    *((name, status, {"messages": messages("?", *urls)}) for name, status, urls in PICTURES),
]
"""Name, the status that is due, and the body: bytes, or what is laid over a plain request."""


def post(
    address: str, body: Any, key: str = "none", headers: dict[str, str] | None = None
) -> tuple[int, Any]:
    """Ask; status and answer."""
    if isinstance(body, dict):
        body = {"model": "colours", "messages": [USER], "max_tokens": 1} | body
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    usual = {"Authorization": f"Bearer {key}", "Content-Type": "application/json"}
    request = urllib.request.Request(
        f"{address}/v1/chat/completions", data, usual | (headers or {})
    )
    try:
        with urllib.request.urlopen(request, timeout=120) as answer:
            raw = answer.read()
            return answer.status, json.loads(raw) if raw[:1] == b"{" else raw
    except urllib.error.HTTPError as error:
        return error.code, json.load(error)
