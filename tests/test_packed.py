"""Packed files and wide characters: the same records as plain, damage named, archives refused."""

from __future__ import annotations

import bz2
import gzip
import io
import json
import lzma
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from vqadata.converting.recognition import recognise
from vqadata.errors import VqaDataError
from vqadata.layouts.table import read_table
from vqadata.reading.inputs import InputFile, read_input

ROWS = [{"id": n, "text": f'é "{n}" 蓝'} for n in range(3000)]
TEXT = json.dumps(ROWS, ensure_ascii=False).encode()


def zstandard(data: bytes) -> bytes:
    import pyarrow as pa

    sink = pa.BufferOutputStream()
    with pa.CompressedOutputStream(sink, "zstd") as stream:
        stream.write(data)
    return sink.getvalue().to_pybytes()  # type: ignore[no-any-return]


def zipped(**members: bytes) -> bytes:
    sink = io.BytesIO()
    with zipfile.ZipFile(sink, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in members.items():
            archive.writestr(name, data)
    return sink.getvalue()


def tarred(data: bytes) -> bytes:
    sink = io.BytesIO()
    with tarfile.open(fileobj=sink, mode="w") as archive:
        entry = tarfile.TarInfo("data.json")
        entry.size = len(data)
        archive.addfile(entry, io.BytesIO(data))
    return sink.getvalue()


def mac_zip(data: bytes) -> bytes:
    return zipped(**{"v2/data.json": data, "__MACOSX/v2/._data.json": b"x", ".DS_Store": b"x"})


PACKINGS: dict[str, Callable[[bytes], bytes]] = {
    "gzip": gzip.compress,
    "bzip2": bz2.compress,
    "xz": lzma.compress,
    "Zstandard": zstandard,
    "zip": mac_zip,
}
WIDE = ("utf-16", "utf-32", "utf-16-le", "utf-16-be", "utf-32-le", "utf-32-be", "utf-8-sig")


def texts(path: Path, keep_whole: bool = False) -> list[dict[str, object]]:
    table = read_table(path, keep_whole=keep_whole)
    return [table.decode(record) for record in table]


@pytest.mark.parametrize("packing", PACKINGS)
def test_a_packed_file_holds_what_the_plain_one_does(packing: str, tmp_path: Path) -> None:
    path = tmp_path / "data.json.packed"
    path.write_bytes(PACKINGS[packing](TEXT))
    assert read_input(path) == TEXT
    assert texts(path) == ROWS
    with InputFile(path) as file:
        assert file.packing == packing


@pytest.mark.parametrize("encoding", WIDE)
@pytest.mark.parametrize("packed", [False, True], ids=["plain", "packed"])
def test_wide_characters_are_read_as_utf8(encoding: str, packed: bool, tmp_path: Path) -> None:
    path = tmp_path / "data.json"
    data = TEXT.decode().encode(encoding)
    path.write_bytes(gzip.compress(data) if packed else data)
    assert texts(path) == ROWS


def test_a_spreadsheet_saved_as_unicode_text_is_a_table(tmp_path: Path) -> None:
    path = tmp_path / "data.csv"
    path.write_bytes("image\tquestion\r\na.jpg\tGrün?\r\n".encode("utf-16"))
    assert texts(path) == [{"image": "a.jpg", "question": "Grün?"}]


@pytest.mark.parametrize("packing", ["gzip", "bzip2", "xz", "Zstandard"])
def test_a_truncated_file_says_so_and_gives_its_whole_records(packing: str, tmp_path: Path) -> None:
    path = tmp_path / "data.json"
    packed = PACKINGS[packing](json.dumps([{"id": n, "v": n**9} for n in range(99_999)]).encode())
    path.write_bytes(packed[: len(packed) * 3 // 4])
    with pytest.raises(VqaDataError, match=f"damaged {packing}: .*; expected the end") as error:
        texts(path)
    kept = texts(path, keep_whole=True)
    assert [row["id"] for row in kept] == list(range(len(kept)))
    assert f"Whole records before it: {len(kept)};" in error.value.remedy


def test_a_packed_file_that_breaks_between_characters_is_damaged(tmp_path: Path) -> None:
    path = tmp_path / "data.json"
    path.write_bytes(TEXT.decode().encode("utf-16")[:-1])
    with pytest.raises(VqaDataError, match="damaged utf-16-le: truncated data"):
        texts(path)


REFUSED = {
    "several files": (zipped(a=b"[]", b=b"[]"), "a zip archive of 2 files: a, b", "unzip"),
    "workbook": (zipped(**{"[Content_Types].xml": b"x"}), "an Office document", "as CSV"),
    "damaged zip": (zipped(a=TEXT)[:-99], "zip: File is not a zip file", "Download it again"),
    "tar": (tarred(TEXT), "a tar archive", "tar xf"),
    "packed tar": (gzip.compress(tarred(TEXT)), "a tar archive", "tar xf"),
    "7z": (b"7z\xbc\xaf\x27\x1c" + bytes(99), "a 7z archive", "7z x"),
}


@pytest.mark.parametrize("kind", REFUSED)
def test_what_is_no_single_file_is_refused_with_the_way_out(kind: str, tmp_path: Path) -> None:
    data, found, remedy = REFUSED[kind]
    path = tmp_path / "data.bin"
    path.write_bytes(data)
    with pytest.raises(VqaDataError, match=found) as error:
        texts(path)
    assert remedy in error.value.remedy


def test_an_archive_beside_the_data_hides_it_not(tmp_path: Path) -> None:
    (tmp_path / "pictures.zip").write_bytes(zipped(a=b"x", b=b"y"))
    rows = [{"id": "1", "image": "a.jpg", "conversations": [{"from": "human", "value": "?"}]}]
    (tmp_path / "data.json").write_text(json.dumps(rows))
    told = recognise(tmp_path)
    assert told.source.step_name() == "sharegpt"
    assert told.unread == ["pictures.zip (a zip archive of 2 files: a, b)"]
