"""A model is fetched from a hub on this machine: licence, digests, resuming, no pickles."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any, ClassVar

import pytest
from click.testing import CliRunner

from vqadata.errors import OptionError, VqaDataError
from vqatrain.cli import program
from vqatrain.delivering.config import DownloadConfig
from vqatrain.delivering.downloading import FILE, download

COMMIT = "a" * 40
WEIGHTS = bytes(range(256)) * 8_000


class Hub(BaseHTTPRequestHandler):
    """The two routes that a download takes: what a model is, and its files."""

    files: ClassVar[dict[str, bytes]] = {}
    told: ClassVar[list[str]] = []
    """Byte ranges that were asked for."""

    most: ClassVar[int | None] = None
    """Bytes after which the hub breaks off, and answers nothing more."""

    def do_GET(self) -> None:
        self._answer(True)

    def do_HEAD(self) -> None:
        self._answer(False)

    def _answer(self, body: bool) -> None:
        if re.fullmatch(r"/api/models/org/small/revision/\w+(\?.*)?", self.path):
            return self._send(json.dumps(self._model()).encode(), body)
        found = re.fullmatch(rf"/org/small/resolve/{COMMIT}/(.+)", self.path)
        if found is None or found[1] not in self.files:
            return self._send(b"{}", body, 404, {"X-Error-Code": "RepoNotFound"})
        data = self.files[found[1]]
        if self.most is not None and len(data) > self.most:
            if self.headers.get("Range"):
                return self._send(b"", body, 403)
            self.send_response(200)
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data[: self.most])
            return self.connection.shutdown(2)
        headers = {"X-Repo-Commit": COMMIT, "ETag": f'"{hashlib.sha256(data).hexdigest()}"'}
        if body and (asked := self.headers.get("Range")):
            self.told.append(asked)
            start = int(asked.removeprefix("bytes=").partition("-")[0])
            headers["Content-Range"] = f"bytes {start}-{len(data) - 1}/{len(data)}"
            return self._send(data[start:], body, 206, headers)
        return self._send(data, body, 200, headers)

    def _send(self, data: bytes, body: bool, status: int = 200, headers: Any = None) -> None:
        self.send_response(status)
        for name, value in ({"Content-Length": str(len(data))} | (headers or {})).items():
            self.send_header(name, value)
        self.end_headers()
        if body:
            self.wfile.write(data)

    def _model(self) -> dict[str, Any]:
        siblings = []
        for name, data in self.files.items():
            git = hashlib.sha1(b"blob %d\0" % len(data) + data).hexdigest()
            one: dict[str, Any] = {"rfilename": name, "size": len(data), "blobId": git}
            if name.endswith((".safetensors", ".bin")):
                digest = hashlib.sha256(WEIGHTS if "safe" in name else data).hexdigest()
                one["lfs"] = {"sha256": digest, "size": len(data), "pointerSize": 134}
            siblings.append(one)
        return {"id": "org/small", "sha": COMMIT, "siblings": siblings, "tags": [],
                "cardData": {"license": "apache-2.0"}, "downloads": 0, "likes": 0,
                "private": False}  # fmt: skip

    def log_message(self, *_: Any) -> None:
        pass


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch) -> Iterator[type[Hub]]:
    Hub.files = {"config.json": b'{"model_type": "smolvlm"}', "model.safetensors": WEIGHTS,
                 "pytorch_model.bin": b"pickle", "modeling.py": b"run()"}  # fmt: skip
    Hub.told, Hub.most = [], None
    server = ThreadingHTTPServer(("127.0.0.1", 0), Hub)
    Thread(target=server.serve_forever, daemon=True).start()
    monkeypatch.setenv("HF_ENDPOINT", f"http://127.0.0.1:{server.server_port}")
    yield Hub
    server.shutdown()
    server.server_close()


def fetch(folder: Path, **options: Any) -> Any:
    return download(DownloadConfig(model="org/small", out=folder, **options))


def test_weights_come_with_licence_and_digest(hub: type[Hub], tmp_path: Path) -> None:
    done = CliRunner().invoke(program, ["download", "org/small", "-o", str(tmp_path / "m")])
    assert done.exit_code == 0, done.output
    digest = hashlib.sha256(WEIGHTS).hexdigest()
    for told in ("licence: apache-2.0", digest, "not fetched: modeling.py, pytorch_model.bin"):
        assert told in done.output
    kept = {path.name for path in (tmp_path / "m").iterdir() if path.is_file()}
    assert kept == {"config.json", "model.safetensors", FILE}
    assert (tmp_path / "m/model.safetensors").read_bytes() == WEIGHTS
    record = json.loads((tmp_path / "m" / FILE).read_text())
    assert record["revision"] == COMMIT
    assert record["files"]["model.safetensors"] == digest


def test_show_fetches_nothing(hub: type[Hub], tmp_path: Path) -> None:
    assert fetch(tmp_path / "m", show=True) is None
    assert not (tmp_path / "m").exists()


def test_it_goes_on_where_it_stopped(
    hub: type[Hub], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("huggingface_hub.constants.DOWNLOAD_CHUNK_SIZE", 10_000)
    hub.most = 100_000
    with pytest.raises(OptionError, match=r"model.safetensors: the hub says"):
        fetch(tmp_path / "m")
    assert (tmp_path / "m/model.safetensors.part").stat().st_size == hub.most
    assert not (tmp_path / "m" / FILE).exists()
    hub.most = None
    fetch(tmp_path / "m")
    assert "bytes=100000-" in hub.told
    assert (tmp_path / "m/model.safetensors").read_bytes() == WEIGHTS


def test_another_file_than_the_hub_says_is_deleted(hub: type[Hub], tmp_path: Path) -> None:
    hub.files["model.safetensors"] = WEIGHTS[:-1] + b"!"
    with pytest.raises(VqaDataError, match=r"model.safetensors: .*sha256 .* deleted"):
        fetch(tmp_path / "m")
    assert not (tmp_path / "m/model.safetensors").exists()
    assert not (tmp_path / "m" / FILE).exists()


def test_pickled_weights_alone_are_refused(hub: type[Hub], tmp_path: Path) -> None:
    del hub.files["model.safetensors"]
    with pytest.raises(OptionError, match="no safetensors among 3 files"):
        fetch(tmp_path / "m")


def test_an_unknown_model_is_one_line(hub: type[Hub], tmp_path: Path) -> None:
    with pytest.raises(OptionError, match=r"org/none: the hub says: .*without network"):
        download(DownloadConfig(model="org/none", out=tmp_path / "m"))
