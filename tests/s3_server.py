"""A loopback server that speaks as much of S3 as reading takes: HEAD, GET with ranges, lists.

It can be slow, answer 500, and break off in the middle of a body. Signatures are not looked at.
``boto`` and ``moto`` do not fit beside the pinned environment, so the client is that of pyarrow.

Protocol: https://docs.aws.amazon.com/AmazonS3/latest/API/API_Operations.html
"""

from __future__ import annotations

import random
import re
import threading
import time
from collections import Counter
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit
from xml.sax.saxutils import escape


class S3Server(ThreadingHTTPServer):
    """Serves the folders under ``root`` as buckets, at :attr:`url`.

    Args:
        root: Its folders are the buckets.
    """

    daemon_threads = True

    def __init__(self, root: Path) -> None:
        super().__init__(("127.0.0.1", 0), _Answer)
        self.root = root
        self.latency = 0.0
        """Seconds before each answer."""
        self.faults: dict[str, float] = {}
        """How often it answers ``error``, or breaks off (``short``): 0 to 1."""
        self.count: Counter[str] = Counter()
        """Requests by method, and faults by name."""
        self.chance = random.Random(1)
        self.url = f"http://127.0.0.1:{self.server_port}"

    def __enter__(self) -> S3Server:
        threading.Thread(target=self.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self.shutdown()
        self.server_close()

    def fault(self) -> str:
        """What goes wrong with this answer."""
        for name, rate in self.faults.items():
            if self.chance.random() < rate:
                self.count[name] += 1
                return name
        return ""


class _Answer(BaseHTTPRequestHandler):
    server: S3Server
    protocol_version = "HTTP/1.1"

    def do_HEAD(self) -> None:
        self._answer(body=False)

    def do_GET(self) -> None:
        self._answer(body=True)

    def _answer(self, body: bool) -> None:
        self.server.count[self.command] += 1
        time.sleep(self.server.latency)
        fault = self.server.fault() if body else ""
        asked = urlsplit(self.path)
        file = self.server.root / unquote(asked.path).lstrip("/")
        if fault == "error":
            self._say(500, _xml("Error", Code="InternalError"), {}, body)
        elif "list-type" in asked.query:
            self._say(200, self._list(file, parse_qs(asked.query)), {}, body)
        elif not file.is_file():
            self._say(404, _xml("Error", Code="NoSuchKey"), {}, body)
        else:
            self._object(file.read_bytes(), fault, body)

    def _object(self, data: bytes, fault: str, body: bool) -> None:
        asked = re.fullmatch(r"bytes=(\d+)-(\d*)", self.headers.get("Range", ""))
        if asked is None:
            self._say(200, data, {"ETag": '"1"'}, body, fault)
            return
        start, last = int(asked[1]), min(int(asked[2] or len(data)), len(data) - 1)
        span = {"Content-Range": f"bytes {start}-{last}/{len(data)}", "ETag": '"1"'}
        self._say(206, data[start : last + 1], span, body, fault)

    def _say(
        self, status: int, data: bytes, headers: dict[str, str], body: bool, fault: str = ""
    ) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        if fault == "short":
            data, self.close_connection = data[: len(data) // 2], True
        if body:
            self.wfile.write(data)

    def _list(self, bucket: Path, query: dict[str, list[str]]) -> bytes:
        prefix = query.get("prefix", [""])[0]
        names = (p.relative_to(bucket).as_posix() for p in bucket.rglob("*") if p.is_file())
        found = sorted(name for name in names if name.startswith(prefix))
        sizes = {name: (bucket / name).stat().st_size for name in found}
        items = "".join(
            f"<Contents><Key>{escape(name)}</Key><Size>{size}</Size></Contents>"
            for name, size in sizes.items()
        )
        count = f"<KeyCount>{len(found)}</KeyCount>"
        return f"<ListBucketResult>{count}{items}</ListBucketResult>".encode()

    def log_message(self, *_: Any) -> None:
        pass


def _xml(name: str, **members: str) -> bytes:
    inner = "".join(f"<{key}>{value}</{key}>" for key, value in members.items())
    return f"<{name}>{inner}</{name}>".encode()
