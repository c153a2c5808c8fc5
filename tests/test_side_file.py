"""Files that say more about pictures: found by id, and what was not used is remarked on."""

from __future__ import annotations

import json
from pathlib import Path

from vqadata.layouts.side_file import SideFile
from vqadata.ledger import Ledger, read_ledger


def test_finds_records_and_remarks_on_the_others(tmp_path: Path) -> None:
    records = [{"image_id": "a", "n": 1}, {"image_id": "b"}, {"n": 3}, 4, {"image_id": "a", "n": 5}]
    path = tmp_path / "ocr.json"
    path.write_text(json.dumps({"data": records}), encoding="utf-8")
    side = SideFile(path, ["image_id"])
    assert side.find("a") == {"n": 1}
    assert side.find("a") == {"n": 1}
    assert side.find("z") is None
    ledger = Ledger(tmp_path / "ledger.parquet", "convert")
    side.remark(ledger, "textvqa", path.name)
    ledger.close()
    entries = list(read_ledger(tmp_path / "ledger.parquet"))
    assert {entry.action for entry in entries} == {"flagged"}
    assert [(entry.index, entry.reason) for entry in entries] == [
        (1, "record-without-question"),
        (2, "record-without-id"),
        (3, "wrong-type"),
        (4, "repeated-record"),
    ]
    assert ledger.balance() == []


def test_a_truncated_file_is_remarked_on(tmp_path: Path) -> None:
    path = tmp_path / "ocr.json"
    path.write_text('{"data": [{"image_id": "a"}, {"image', encoding="utf-8")
    side = SideFile(path, ["image_id"], keep_whole=True)
    assert side.find("a") == {}
    ledger = Ledger(tmp_path / "ledger.parquet", "convert")
    side.remark(ledger, "textvqa", path.name)
    ledger.close()
    assert ledger.flags() == {"truncated-file": 1}
