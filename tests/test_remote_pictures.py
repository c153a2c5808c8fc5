"""Pictures inside the input or behind URLs: found, bounded, and never fetched unasked."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import encoded
from vqadata import convert, open_shards, verify
from vqadata.images.embedded import EmbeddedPictures
from vqadata.ledger import select_entries
from vqadata.shards.manifest import Manifest
from vqadata.sources.messages import Messages


class _Server(BaseHTTPRequestHandler):
    asked: list[str] = []  # noqa: RUF012

    def do_GET(self) -> None:
        self.asked.append(self.path)
        if self.path == "/away.png":
            self.send_response(302)
            self.send_header("Location", "http://169.254.169.254/latest")
            self.end_headers()
            return
        data = {"/a.png": encoded("red"), "/big.png": b"x" * (2 << 20)}.get(self.path)
        self.send_response(200 if data else 404)
        self.send_header("Content-Length", str(len(data or b"") + 9 * (self.path == "/a.png?cut")))
        self.end_headers()
        self.wfile.write(data or b"")

    def log_message(self, *args: object) -> None:
        """Say nothing."""


@pytest.fixture
def server() -> Iterator[str]:
    _Server.asked.clear()
    with HTTPServer(("127.0.0.1", 0), _Server) as http:
        thread = threading.Thread(target=http.serve_forever, daemon=True)
        thread.start()
        yield f"127.0.0.1:{http.server_port}"
        http.shutdown()


def converted(tmp_path: Path, urls: list[str], **options: Any) -> Manifest:
    rows = [
        {"messages": [{"role": "user", "content": "<image>What?"},
                      {"role": "assistant", "content": "This."}], "images": [url]}
        for url in urls
    ]  # fmt: skip
    (tmp_path / "rows.json").write_text(json.dumps(rows))
    manifest = convert(Messages(data=tmp_path / "rows.json", **options), tmp_path / "out")
    assert verify(tmp_path / "out").problems == []
    return manifest


def test_nothing_is_fetched_unasked(server: str, tmp_path: Path) -> None:
    manifest = converted(tmp_path, [f"http://{server}/a.png"])
    assert manifest.balance[0].quarantined == {"picture-not-downloaded": 1}
    assert _Server.asked == []


def test_an_allowed_host_is_asked_once_for_each_picture(server: str, tmp_path: Path) -> None:
    url = f"http://{server}/a.png"
    manifest = converted(tmp_path, [url, url], fetch_host=["127.0.0.1"])
    assert (manifest.questions, manifest.pictures) == (2, 1)
    assert _Server.asked == ["/a.png"]
    shards = open_shards(tmp_path / "out")
    assert shards.pictures(0) == [encoded("red")]
    (batch,) = shards.batches()
    assert batch.column("image_facts")[0][0]["rule"].as_py() == "url"


REFUSED = {
    "away.png": "the host 169.254.169.254 is not allowed",
    "gone.png": "the server says 404",
    "big.png": "larger than 1,048,576 bytes",
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_cannot_be_had_is_named(name: str, server: str, tmp_path: Path) -> None:
    converted(tmp_path, [f"http://{server}/{name}"], fetch_host=[server], fetch_mb=1)
    (entry,) = select_entries(tmp_path / "out")
    assert (entry.action, entry.reason) == ("quarantined", "picture-not-downloaded")
    assert REFUSED[name] in (entry.found or "")


@pytest.mark.parametrize(
    "url", ["ftp://127.0.0.1/a.png", "file:///etc/passwd", "http://[bad/a.png"]
)
def test_other_schemes_are_never_opened(url: str, tmp_path: Path) -> None:
    converted(tmp_path, [url], fetch_host=["127.0.0.1"])
    (entry,) = select_entries(tmp_path / "out")
    assert entry.action in ("quarantined", "dropped")


def test_equal_names_of_different_pictures_stay_apart(tmp_path: Path) -> None:
    with EmbeddedPictures(tmp_path) as pictures:
        names = [pictures.add(encoded(c), "x/source.png") for c in ("red", "blue", "red")]
        assert names[0] == names[2] == "x/source.png"
        assert names[1].startswith("x/source-")
        found = pictures.find(names[1])
        assert found is not None
        assert (found.read(), found.size) == (encoded("blue"), len(encoded("blue")))
        assert pictures.find("other") is None
    assert list(tmp_path.iterdir()) == []
