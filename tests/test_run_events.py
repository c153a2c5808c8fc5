"""Events of OpenLineage: what is told of each run, held against what the specification asks for."""

import json
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from tests.conftest import VqaFiles
from vqadata import clean, convert, merge, split
from vqadata.errors import VqaDataError
from vqadata.exporting.exporting import export
from vqadata.exports.openai import Openai
from vqadata.groundwork.run_events import listen, stop_listening
from vqadata.shards.reader import open_shards
from vqadata.sources.coco_vqa import CocoVqa

TEXT, COUNT = {"type": "string"}, {"type": "integer", "minimum": 0}
URI = {"type": "string", "pattern": r"^[a-z][a-z0-9+.-]*:\S+$"}
MOMENT = {"type": "string", "pattern": r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)$"}
FACET = {
    "type": "object",
    "properties": {"_producer": URI,
                   "_schemaURL": URI},
    "required": ["_producer", "_schemaURL"],
}  # fmt: skip


def facets(**known: dict[str, Any]) -> dict[str, Any]:
    """Facets of which some are known: their members, each of which must be there."""
    own = {
        name: {"allOf": [FACET, {"properties": members, "required": list(members)}]}
        for name, members in known.items()
    }
    return {"type": "object", "properties": own, "additionalProperties": False}


def dataset(**own: dict[str, Any]) -> dict[str, Any]:
    fields = {"type": "array", "items": {"$ref": "#/$defs/field"}, "minItems": 1}
    every = facets(schema={"fields": fields}, version={"datasetVersion": TEXT})
    members = {"namespace": TEXT, "name": TEXT, "facets": every, **own}
    return {"type": "object", "properties": members, "required": ["namespace", "name"],
            "additionalProperties": False}  # fmt: skip


# What https://openlineage.io/spec/2-0-2/OpenLineage.json and the facets of these names ask for.
RUN_EVENT = {
    "$defs": {
        "field": {
            "type": "object",
            "properties": {"name": TEXT, "type": TEXT, "description": TEXT,
                           "fields": {"type": "array", "items": {"$ref": "#/$defs/field"}}},
            "required": ["name"],
            "additionalProperties": False,
        },
    },
    "type": "object",
    "properties": {
        "eventTime": MOMENT,
        "producer": URI,
        "schemaURL": {"const": "https://openlineage.io/spec/2-0-2/OpenLineage.json#/$defs/RunEvent"},
        "eventType": {"enum": ["START", "RUNNING", "COMPLETE", "ABORT", "FAIL", "OTHER"]},
        "run": {
            "type": "object",
            "properties": {
                "runId": {"type": "string", "format": "uuid"},
                "facets": facets(processing_engine={"version": TEXT, "name": TEXT},
                                 errorMessage={"message": TEXT, "programmingLanguage": TEXT}),
            },
            "required": ["runId"],
        },
        "job": {"type": "object", "properties": {"namespace": TEXT, "name": TEXT},
                "required": ["namespace", "name"]},
        "inputs": {"type": "array", "items": dataset(
            inputFacets={"type": "object", "properties": {"inputStatistics": FACET}})},
        "outputs": {"type": "array", "items": dataset(
            outputFacets=facets(outputStatistics={"rowCount": COUNT, "size": COUNT}))},
    },
    "required": ["eventTime", "producer", "schemaURL", "run", "job", "eventType"],
    "additionalProperties": False,
}  # fmt: skip


@pytest.fixture
def heard(tmp_path: Path) -> Iterator[Callable[[], list[dict[str, Any]]]]:
    """The events so far, each as the specification wants it."""
    file = tmp_path / "events.jsonl"
    listen(str(file))
    uuids = jsonschema.FormatChecker(["uuid"])
    checker = jsonschema.Draft202012Validator(RUN_EVENT, format_checker=uuids)

    def events() -> list[dict[str, Any]]:
        told = [json.loads(line) for line in file.read_text().splitlines()]
        for event in told:
            checker.validate(event)
        return told

    yield events
    stop_listening()


def test_a_run_is_told_with_what_it_reads_and_makes(
    vqa_files: VqaFiles, heard: Callable[[], list[dict[str, Any]]], tmp_path: Path
) -> None:
    named = vqa_files.write()
    convert(CocoVqa(**named), tmp_path / "shards")
    clean(tmp_path / "shards", tmp_path / "clean", [])
    begun, made, *cleaned = heard()
    assert (begun["eventType"], made["eventType"]) == ("START", "COMPLETE")
    assert begun["run"]["runId"] == made["run"]["runId"] != cleaned[0]["run"]["runId"]
    assert [event["job"]["name"] for event in (made, cleaned[1])] == ["convert coco-vqa", "clean"]
    assert [data["name"] for data in made["inputs"]] == [str(path) for path in named.values()]
    (out,) = made["outputs"]
    shards = open_shards(tmp_path / "shards")
    assert (out["namespace"], out["name"]) == ("file", str(tmp_path / "shards"))
    assert out["outputFacets"]["outputStatistics"]["rowCount"] == shards.manifest.questions
    assert out["facets"]["version"]["datasetVersion"] == f"sha256:{shards.digest}"
    # What one run makes, the next one reads: by that a catalogue joins them.
    (read,) = cleaned[0]["inputs"]
    same = ("namespace", "name", "facets")
    assert [read[name] for name in same] == [out[name] for name in same]


def test_columns_are_told_with_those_inside_them(
    vqa_files: VqaFiles, heard: Callable[[], list[dict[str, Any]]], tmp_path: Path
) -> None:
    convert(CocoVqa(**vqa_files.write()), tmp_path / "shards")
    columns = {f["name"]: f for f in heard()[1]["outputs"][0]["facets"]["schema"]["fields"]}
    asked = {f["name"]: f for f in columns["questions"]["fields"]}
    assert columns["questions"]["type"] == "list<struct>"
    assert asked["text"] == {"name": "text", "type": "string"}
    assert {f["name"] for f in asked["answers"]["fields"]} >= {"answer", "confidence"}


def test_all_that_write_data_tell_of_it(
    vqa_files: VqaFiles, heard: Callable[[], list[dict[str, Any]]], tmp_path: Path
) -> None:
    convert(CocoVqa(**vqa_files.write()), tmp_path / "a")
    split(tmp_path / "a", tmp_path / "parts", {"x": 0.5, "y": 0.5})
    merge([tmp_path / "a", tmp_path / "parts"], tmp_path / "both")
    export(Openai(), tmp_path / "a", tmp_path / "exported")
    done = [event for event in heard() if event["eventType"] == "COMPLETE"]
    assert [event["job"]["name"] for event in done[1:]] == ["split", "merge", "export openai"]
    assert [len(event["inputs"]) for event in done[1:]] == [1, 2, 1]


def test_a_run_that_fails_says_why(
    vqa_files: VqaFiles, heard: Callable[[], list[dict[str, Any]]], tmp_path: Path
) -> None:
    convert(CocoVqa(**vqa_files.write()), tmp_path / "shards")
    with pytest.raises(VqaDataError) as failure:
        convert(CocoVqa(**vqa_files.write()), tmp_path / "shards")
    told = heard()[-1]
    assert told["eventType"] == "FAIL"
    assert told["run"]["facets"]["errorMessage"]["message"] == str(failure.value)
    assert told["outputs"][0]["outputFacets"] == {}


def test_an_interrupt_is_told(
    vqa_files: VqaFiles,
    heard: Callable[[], list[dict[str, Any]]],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("vqadata.converting.conversion.write_alone", interrupted)
    with pytest.raises(KeyboardInterrupt):
        convert(CocoVqa(**vqa_files.write()), tmp_path / "shards")
    assert [event["eventType"] for event in heard()] == ["START", "ABORT"]


class _Catalogue(BaseHTTPRequestHandler):
    got: list[dict[str, Any]]

    def do_POST(self) -> None:
        self.got.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
        self.send_response(201)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        pass


def test_events_are_sent_to_an_address(
    vqa_files: VqaFiles, run_cli: Callable[..., Any], tmp_path: Path
) -> None:
    _Catalogue.got = []
    server = HTTPServer(("127.0.0.1", 0), _Catalogue)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    address = f"http://127.0.0.1:{server.server_port}/api/v1/lineage"
    named = [word for key, path in vqa_files.write().items() for word in (f"--{key}", path)]
    out = tmp_path / "shards"
    assert run_cli("--lineage", address, "convert", "coco-vqa", *named, "-o", out).returncode == 0
    server.shutdown()
    assert [event["eventType"] for event in _Catalogue.got] == ["START", "COMPLETE"]


def test_a_catalogue_that_does_not_answer_stops_nobody(
    vqa_files: VqaFiles, run_cli: Callable[..., Any], tmp_path: Path
) -> None:
    named = [word for key, path in vqa_files.write().items() for word in (f"--{key}", path)]
    place = "http://127.0.0.1:9/api/v1/lineage"
    done = run_cli("--lineage", place, "convert", "coco-vqa", *named, "-o", tmp_path / "shards")
    assert done.returncode == 0
    assert done.stderr.count("going on without") == 1


def test_a_file_that_cannot_be_written_is_told_before_anything_is_done(
    vqa_files: VqaFiles, run_cli: Callable[..., Any], tmp_path: Path
) -> None:
    named = [word for key, path in vqa_files.write().items() for word in (f"--{key}", path)]
    place = tmp_path / "none" / "events.jsonl"
    done = run_cli("--lineage", place, "convert", "coco-vqa", *named, "-o", tmp_path / "shards")
    assert done.returncode == 2
    assert done.stderr.startswith(f"error: --lineage {place}: cannot be written")
    assert not (tmp_path / "shards").exists()


def test_the_output_knows_nothing_of_the_events(
    vqa_files: VqaFiles, heard: Callable[[], list[dict[str, Any]]], tmp_path: Path
) -> None:
    convert(CocoVqa(**vqa_files.write()), tmp_path / "a")
    assert heard()
    stop_listening()
    convert(CocoVqa(**vqa_files.write()), tmp_path / "b")
    same = [(tmp_path / name / "manifest.json").read_bytes() for name in "ab"]
    assert same[0] == same[1]
