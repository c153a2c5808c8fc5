"""A loopback server that speaks as much of S3 as reading and writing take.

HEAD, GET with ranges, lists, PUT in one and in several parts, DELETE. As in S3, a file is there
whole or not at all. It can be slow, answer 500, break off in the middle of a body, and take a file
without ever answering. Signatures are not looked at.
``boto`` and ``moto`` do not fit beside the pinned environment, so the client is that of pyarrow.

Protocol: https://docs.aws.amazon.com/AmazonS3/latest/API/API_Operations.html
"""

from __future__ import annotations

import io
import random
import re
import threading
import time
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import IO, Any
from urllib.parse import SplitResult, parse_qs, unquote, urlsplit
from xml.sax.saxutils import escape

import pytest


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
        """How often it answers ``error``, breaks off (``short``), or stores a file and answers
        nothing (``silent``): 0 to 1."""
        self.parts: dict[str, dict[int, bytes]] = {}
        """Parts of files by the upload that they belong to."""
        self.busy = self.busiest = 0
        """Bodies that are on their way, now and at most."""
        self.read: list[str] = []
        """Names of files of which bytes were given away."""
        self.stored: list[str] = []
        """Names of files in the order in which they came."""
        self.count: Counter[str] = Counter()
        """Requests by method, and faults by name."""
        self.chance = random.Random(1)
        self.url = f"http://127.0.0.1:{self.server_port}"

    def known_to(self, patch: pytest.MonkeyPatch) -> S3Server:
        """Let the environment name it to clients, with keys that it does not look at."""
        named = {"ENDPOINT_URL": self.url, "ACCESS_KEY_ID": "a", "SECRET_ACCESS_KEY": "b",
                 "DEFAULT_REGION": "us-east-1", "EC2_METADATA_DISABLED": "true"}  # fmt: skip
        for name, value in named.items():
            patch.setenv(f"AWS_{name}", value)
        return self

    def __enter__(self) -> S3Server:
        threading.Thread(target=self.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self.shutdown()
        self.server_close()

    def fault(self, *kinds: str) -> str:
        """What goes wrong with this answer, out of some kinds."""
        for name, rate in self.faults.items():
            if name in kinds and self.chance.random() < rate:
                self.count[name] += 1
                return name
        return ""


class _Answer(BaseHTTPRequestHandler):
    server: S3Server
    protocol_version = "HTTP/1.1"

    def do_HEAD(self) -> None:
        self._answer(body=False)

    def do_GET(self) -> None:
        self.server.busy += 1
        self.server.busiest = max(self.server.busiest, self.server.busy)
        try:
            self._answer(body=True)
        finally:
            self.server.busy -= 1

    def _answer(self, body: bool) -> None:
        self.server.count[self.command] += 1
        time.sleep(self.server.latency)
        fault = self.server.fault("error", "short") if body else ""
        asked, file = self._asked()
        if fault == "error":
            self._say(500, _xml("Error", Code="InternalError"), {}, body)
        elif "list-type" in asked.query:
            self._say(200, self._list(file, parse_qs(asked.query)), {}, body)
        elif not file.is_file():
            self._say(404, _xml("Error", Code="NoSuchKey"), {}, body)
        else:
            self.server.read += [file.relative_to(self.server.root).as_posix()] if body else []
            self._object(file, fault, body)

    def do_PUT(self) -> None:
        data, (asked, file) = self._body(), self._asked()
        fault = self._begin()
        query = parse_qs(asked.query)
        if fault == "error":
            self._say(500, _xml("Error", Code="InternalError"), {}, True)
            return
        if "uploadId" in query:
            self.server.parts[query["uploadId"][0]][int(query["partNumber"][0])] = data
        else:
            self._store(file, data)
        self._say_unless(fault, {"ETag": '"1"'})

    def do_POST(self) -> None:
        """Begin or end a file in several parts."""
        self._body()
        asked, file = self._asked()
        fault, upload = self._begin(), parse_qs(asked.query).get("uploadId", [""])[0]
        if fault == "error" or (upload and upload not in self.server.parts):
            self._say(500, _xml("Error", Code="InternalError"), {}, True)
        elif not upload:
            upload = str(len(self.server.parts))
            self.server.parts[upload] = {}
            answer = _xml("InitiateMultipartUploadResult", UploadId=upload)
            self._say_unless(fault, {}, answer)
        else:
            parts = self.server.parts[upload]
            self._store(file, b"".join(parts[number] for number in sorted(parts)))
            self._say_unless(fault, {}, _xml("CompleteMultipartUploadResult", ETag='"1"'))

    def do_DELETE(self) -> None:
        _, file = self._asked()
        fault = self._begin()
        if fault == "error":
            self._say(500, _xml("Error", Code="InternalError"), {}, True)
            return
        file.unlink(missing_ok=True)
        self._say_unless(fault, {})

    def _begin(self) -> str:
        self.server.count[self.command] += 1
        time.sleep(self.server.latency)
        return self.server.fault("error", "silent")

    def _asked(self) -> tuple[SplitResult, Path]:
        asked = urlsplit(self.path)
        return asked, self.server.root / unquote(asked.path).lstrip("/")

    def _body(self) -> bytes:
        data = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        if self.headers.get("Transfer-Encoding") == "chunked":
            data = b"".join(_chunks(self.rfile))
            self.rfile.readline()
        if self.headers.get("Content-Encoding") == "aws-chunked":
            data = b"".join(_chunks(io.BytesIO(data)))
        return data

    def _store(self, file: Path, data: bytes) -> None:
        if self.path.partition("?")[0].endswith("/"):
            return  # The mark of an empty folder, which this client makes.
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(data)
        self.server.stored.append(file.name)

    def _say_unless(self, fault: str, headers: dict[str, str], data: bytes = b"") -> None:
        if fault == "silent":
            self.close_connection = True
        else:
            self._say(200, data, headers, True)

    def _object(self, file: Path, fault: str, body: bool) -> None:
        data, when = file.read_bytes(), f"{_changed(file):%a, %d %b %Y %H:%M:%S GMT}"
        about = {"ETag": '"1"', "Last-Modified": when}
        asked = re.fullmatch(r"bytes=(\d+)-(\d*)", self.headers.get("Range", ""))
        if asked is None:
            self._say(200, data, about, body, fault)
            return
        start, last = int(asked[1]), min(int(asked[2] or len(data)), len(data) - 1)
        span = {"Content-Range": f"bytes {start}-{last}/{len(data)}", **about}
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
        folders: list[str] = []
        if delimiter := query.get("delimiter", [""])[0]:
            ends = {name: name.find(delimiter, len(prefix)) + 1 for name in found}
            folders = sorted({name[:end] for name, end in ends.items() if end})
            found = [name for name in found if not ends[name]]
        sizes = {name: (bucket / name).stat().st_size for name in found}
        items = "".join(
            f"<Contents><Key>{escape(name)}</Key><Size>{size}</Size>"
            f"<LastModified>{_changed(bucket / name).isoformat()}Z</LastModified></Contents>"
            for name, size in sizes.items()
        )
        below = "".join(
            f"<CommonPrefixes><Prefix>{escape(name)}</Prefix></CommonPrefixes>" for name in folders
        )
        count = f"<KeyCount>{len(found) + len(folders)}</KeyCount>"
        return f"<ListBucketResult>{count}{items}{below}</ListBucketResult>".encode()

    def log_message(self, *_: Any) -> None:
        pass


def _chunks(source: IO[bytes]) -> Iterator[bytes]:
    """The chunks of a body, each behind a line with its size."""
    while size := int(source.readline().partition(b";")[0], 16):
        yield source.read(size)
        source.readline()


def _changed(file: Path) -> datetime:
    """When a file was changed last, to the second, as S3 tells."""
    return datetime.fromtimestamp(int(file.stat().st_mtime), UTC).replace(tzinfo=None)


def _xml(name: str, **members: str) -> bytes:
    inner = "".join(f"<{key}>{value}</{key}>" for key, value in members.items())
    return f"<{name}>{inner}</{name}>".encode()
