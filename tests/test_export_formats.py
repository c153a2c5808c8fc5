"""What each format says, read back with the libraries that its users have."""

from __future__ import annotations

import base64
import json
import struct
import tarfile
from pathlib import Path
from typing import Any, ClassVar

import pytest
import yaml
from pydantic import ValidationError

from tests.conftest import VqaFiles, encoded
from tests.contract import FIXTURES
from tests.exported import EVERYTHING, TALK, encoded_noise, lines, make_shards, record
from vqadata import clean, convert, export, open_shards
from vqadata.exporting.conversations import broken, conversations, is_special
from vqadata.exporting.rows import PictureRow
from vqadata.exports.croissant import Croissant
from vqadata.exports.energon import Energon
from vqadata.exports.huggingface import Huggingface
from vqadata.exports.llama_factory import LlamaFactory
from vqadata.exports.ms_swift import MsSwift
from vqadata.exports.openai import Openai
from vqadata.exports.trl import Trl
from vqadata.exports.vqa_v2 import VqaV2
from vqadata.exports.webdataset import Webdataset
from vqadata.record import Placeholder
from vqadata.sources.coco_vqa import CocoVqa
from vqadata.sources.ok_vqa import OkVqa
from vqadata.steps import Export

CHAT: list[Export] = [MsSwift(), LlamaFactory(), Openai()]


@pytest.fixture(scope="module")
def shards(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_shards(tmp_path_factory.mktemp("everything"), EVERYTHING)


def swift_rows(shards: Path, out: Path, **options: Any) -> dict[str, dict[str, Any]]:
    """The rows of ms-swift's training split by the ids of their questions."""
    export(MsSwift(**options), shards, out)
    return {"+".join(row["question_ids"]): row for row in lines(out / "train.jsonl")}


class TestChat:
    """Conversations, whatever the words of the format."""

    def test_a_question_is_a_turn_after_its_picture(self, shards: Path, tmp_path: Path) -> None:
        row = swift_rows(shards, tmp_path / "out")["0"]
        assert row["messages"] == [
            {"role": "user", "content": "<image>Question 0?"},
            {"role": "assistant", "content": "answer 0"},
        ]
        assert (tmp_path / "out" / row["images"][0]).read_bytes() == encoded("navy")

    def test_pictures_stand_where_they_stood(self, shards: Path, tmp_path: Path) -> None:
        row = swift_rows(shards, tmp_path / "out")["3"]
        assert row["messages"][0]["content"] == "Before <image> after"

    def test_turns_are_joined_in_order_under_their_system(
        self, shards: Path, tmp_path: Path
    ) -> None:
        row = swift_rows(shards, tmp_path / "out")["5+4"]
        told = [message["content"] for message in row["messages"]]
        assert told == [
            "Be kind.", "Question 5?<image>", "answer 5", "<image>And now?", "answer 4"
        ]  # fmt: skip
        assert len(set(row["images"])) == 2

    def test_unplaced_pictures_stand_before_the_first_turn(self, tmp_path: Path) -> None:
        turns = [record(n, turn=n, **TALK) for n in range(2)]
        row = swift_rows(make_shards(tmp_path, turns), tmp_path / "out")["0+1"]
        users = [message["content"] for message in row["messages"][::2]]
        assert users == ["<image><image>Question 0?", "Question 1?"]

    def test_a_picture_that_is_mentioned_twice_is_listed_twice(self, tmp_path: Path) -> None:
        marks = [Placeholder(image=0, offset=0), Placeholder(image=0, offset=9)]
        twice = make_shards(tmp_path, [record(0, placeholders=marks)])
        row = swift_rows(twice, tmp_path / "out")["0"]
        assert row["messages"][0]["content"] == "<image>Question <image>0?"
        assert len(row["images"]) == 2

    def test_text_alone_has_no_pictures(self) -> None:
        question = record(0).model_dump() | {"answer": "four"}
        (talk,) = conversations(PictureRow("train", [], [question]))
        assert talk.shown() == []
        assert talk.turns[0].asked == ["Question 0?"]

    def test_a_mark_in_the_text_is_no_picture(self, shards: Path, tmp_path: Path) -> None:
        rows = swift_rows(shards, tmp_path / "out")
        assert rows["1"]["messages"][1]["content"] == "A < bbox> mark"
        assert rows["7"]["messages"][0]["content"] == "<image>Question 7?"

    @pytest.mark.parametrize("step", CHAT, ids=lambda step: step.step_name())
    def test_marks_and_pictures_are_as_many(
        self, step: Export, shards: Path, tmp_path: Path
    ) -> None:
        receipt = export(step, shards, tmp_path / "out")
        assert receipt.changed == {"special-token": 2}
        for row in lines(tmp_path / "out" / "train.jsonl"):
            text = json.dumps(row)
            marks = text.count("<image>") + text.count('"image_url": {')
            assert marks == len(row.get("images") or [None] * marks)

    def test_special_tokens_may_be_left_out_or_kept(self, shards: Path, tmp_path: Path) -> None:
        left = export(MsSwift(special_tokens="leave-out"), shards, tmp_path / "out")
        assert left.left_out["special-token"] == 2
        rows = swift_rows(shards, tmp_path / "kept", special_tokens="keep")
        assert rows["1"]["messages"][1]["content"] == "A <bbox> mark"

    def test_what_cannot_be_trained_on_is_left_out(self, shards: Path, tmp_path: Path) -> None:
        receipt = export(MsSwift(), shards, tmp_path / "out")
        assert receipt.left_out == {
            "missing-picture": 1, "no-answer": 1, "unreadable-picture": 1
        }  # fmt: skip

    def test_a_placeholder_without_a_picture_is_left_out(self, tmp_path: Path) -> None:
        wrong = record(0, placeholders=[Placeholder(image=3, offset=0)])
        receipt = export(MsSwift(), make_shards(tmp_path, [wrong, record(1)]), tmp_path / "out")
        assert receipt.left_out == {"placeholder-without-picture": 1}

    @pytest.mark.parametrize(
        "token",
        ["<image>", "<video>", "<|image_pad|>", "<|im_end|>", "<end_of_utterance>", "</s>", "[IMG]",
         "<start_of_image>", "<image_soft_token>", "<IMG_CONTEXT>", "<row_1_col_2>", "<bbox>"],
    )  # fmt: skip
    def test_knows_the_tokens_of_the_families(self, token: str) -> None:
        assert is_special(f"a {token} b")
        assert not is_special(broken(f"a {token} b"))

    @pytest.mark.parametrize("text", ["3 < 4 > 2", "<b>bold</b>", "[1]", "|x|", "a <- b", "<p|"])
    def test_leaves_other_text_alone(self, text: str) -> None:
        assert broken(text) == text


class TestMsSwift:
    def test_worse_answers_stand_in_a_file_of_their_own(self, shards: Path, tmp_path: Path) -> None:
        swift_rows(shards, tmp_path / "out")
        rows = lines(tmp_path / "out" / "train-preference.jsonl")
        assert [row["rejected_response"] for row in rows] == ["worse", "worst"]
        assert {row["messages"][-1]["content"] for row in rows} == {"answer 7"}


class TestLlamaFactory:
    def test_its_entry_describes_each_file(self, shards: Path, tmp_path: Path) -> None:
        export(LlamaFactory(), shards, tmp_path / "out")
        described = json.loads((tmp_path / "out" / "dataset_info.json").read_text())
        assert set(described) == {"train", "train_2", "train-preference", "val_1_2"}
        for entry in described.values():
            (first, *_) = lines(tmp_path / "out" / entry["file_name"])
            assert set(entry["columns"].values()) <= set(first)

    @pytest.mark.parametrize(
        ("form", "expected"),
        [("sharegpt", {"from": "gpt", "value": "answer 0"}),
         ("openai", {"role": "assistant", "content": "answer 0"})],
    )  # fmt: skip
    def test_speaks_both_forms(
        self, form: Any, expected: dict[str, str], shards: Path, tmp_path: Path
    ) -> None:
        export(LlamaFactory(form=form), shards, tmp_path / "out")
        row = lines(tmp_path / "out" / "train.jsonl")[0]
        assert row.get("conversations", row.get("messages"))[-1] == expected

    def test_a_preference_ends_with_the_question(self, shards: Path, tmp_path: Path) -> None:
        export(LlamaFactory(), shards, tmp_path / "out")
        row = lines(tmp_path / "out" / "train-preference.jsonl")[0]
        assert [said["from"] for said in row["conversations"]] == ["human"]
        assert (row["chosen"]["value"], row["rejected"]["value"]) == ("answer 7", "worse")


class TestOpenai:
    def test_content_has_parts(self, shards: Path, tmp_path: Path) -> None:
        export(Openai(answers="field"), shards, tmp_path / "out")
        rows = {row["question_ids"][0]: row for row in lines(tmp_path / "out" / "train.jsonl")}
        kinds = [part["type"] for part in rows["3"]["messages"][0]["content"]]
        assert kinds == ["text", "image_url", "text"]
        assert (rows["3"]["answer"], len(rows["3"]["messages"])) == ("answer 3", 1)

    def test_pictures_may_be_inside(self, shards: Path, tmp_path: Path) -> None:
        receipt = export(Openai(pictures="inside"), shards, tmp_path / "out")
        part = lines(tmp_path / "out" / "train.jsonl")[0]["messages"][0]["content"][0]
        kind, _, data = part["image_url"]["url"].partition(",")
        assert (kind, base64.b64decode(data)) == ("data:image/png;base64", encoded("navy"))
        assert receipt.pictures == 0


class TestHuggingface:
    @pytest.fixture(scope="class")
    def hub(self, shards: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
        out = tmp_path_factory.mktemp("hub") / "out"
        export(Huggingface(title="Everything"), shards, out)
        return out

    def test_datasets_loads_it_with_pictures(self, hub: Path, tmp_path: Path) -> None:
        from datasets import load_dataset

        loaded = load_dataset(str(hub), cache_dir=str(tmp_path))
        assert {name: len(rows) for name, rows in loaded.items()} == {
            "train": 8, "train_2": 1, "val_1": 1, "val_1_2": 1
        }  # fmt: skip
        row = next(row for row in loaded["train"] if row["question_id"] == "5")
        assert (row["image"].size, len(row["more_images"])) == ((16, 12), 1)
        assert row["answers"][0]["answer"] == "answer 5"

    def test_the_card_lists_the_features_as_datasets_does(self, hub: Path) -> None:
        from datasets import Features

        from vqadata.layouts.flat import flat_schema

        card = yaml.safe_load((hub / "README.md").read_text().split("---")[1])
        features = Features.from_arrow_schema(flat_schema())
        assert card["dataset_info"]["features"] == features._to_yaml_list()
        assert card["license"] == "unknown"

    def test_a_picture_of_many_questions_is_stored_once(self, tmp_path: Path) -> None:
        noise = encoded_noise()
        many = make_shards(
            tmp_path, [record(n, image_path="noise.png") for n in range(50)], {"noise.png": noise}
        )
        export(Huggingface(), many, tmp_path / "out")
        (file,) = (tmp_path / "out" / "data").iterdir()
        assert len(noise) < file.stat().st_size < 2 * len(noise)

    def test_files_and_row_groups_are_closed_by_their_size(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        import pyarrow.parquet as pq

        from vqadata.layouts import flat

        pictures = {f"{n}.png": encoded_noise(n) for n in range(3)}
        rows = [record(n, image_path=f"{n % 3}.png") for n in range(600)]
        monkeypatch.setattr(flat, "GROUP_BYTES", 300 << 10)
        export(Huggingface(shard_mb=1), make_shards(tmp_path, rows, pictures), tmp_path / "out")
        files = [pq.ParquetFile(f) for f in sorted((tmp_path / "out" / "data").iterdir())]
        assert len(files) > 1
        assert sum(file.metadata.num_rows for file in files) == 600
        groups = [f.metadata.row_group(n) for f in files for n in range(f.num_row_groups)]
        assert max(group.num_rows for group in groups) == (300 << 10) // len(pictures["0.png"])

    def test_a_missing_picture_is_null(self, hub: Path) -> None:
        import pyarrow.parquet as pq

        rows = pq.read_table(hub / "data" / "train-00000-of-00001.parquet").to_pylist()
        nulls = [row["question_id"] for row in rows if row["image"] is None]
        assert sorted(nulls) == ["11", "9"]


SHAPES: dict[str, dict[str, Any]] = {
    "official": {},
    "texts as ids": {"question_id": str, "image_id": str},
    "without what can be told": {"image_id": None, "answer_type": None, "question_type": None},
    "plain answers": {"answers": lambda answers: [answer["answer"] for answer in answers]},
    "more members": {"page": lambda _: {"number": 7}, "split": lambda _: "val"},
    "texts as answer ids": {
        "answers": lambda answers: [a | {"answer_id": str(a["answer_id"])} for a in answers]
    },
}


def reshaped(row: dict[str, Any], shape: dict[str, Any]) -> dict[str, Any]:
    """A row in which some members are written in another way, added, or absent."""
    changed = {name: change(row.get(name)) for name, change in shape.items() if change}
    return {name: value for name, value in (row | changed).items() if shape.get(name, True)}


def round_trip(files: VqaFiles, folder: Path, source: type[Any] = CocoVqa) -> list[bool]:
    """Whether questions and annotations come back as they were."""
    paths = files.write()
    convert(source(**paths), folder / "shards")
    clean(folder / "shards", folder / "clean")
    export(VqaV2(), folder / "clean", folder / "out")
    return [same(paths[kind], folder / "out" / f"val2014_{kind}.json") for kind in paths]


def same(one: Path, other: Path) -> bool:
    """Whether two JSON files say the same; the order of an object's members says nothing."""
    return bool(json.loads(one.read_text()) == json.loads(other.read_text()))


class TestVqaV2:
    @pytest.mark.parametrize("shape", SHAPES.values(), ids=SHAPES)
    def test_annotations_come_back_as_they_were(
        self, shape: dict[str, Any], vqa_files: VqaFiles, tmp_path: Path
    ) -> None:
        vqa_files.annotations = [reshaped(row, shape) for row in vqa_files.annotations[::-1]]
        assert round_trip(vqa_files, tmp_path) == [True, True]

    @pytest.mark.parametrize("shape", list(SHAPES.values())[1:], ids=list(SHAPES)[1:])
    def test_one_annotation_of_another_shape_comes_back_as_it_was(
        self, shape: dict[str, Any], vqa_files: VqaFiles, tmp_path: Path
    ) -> None:
        vqa_files.annotations[3] = reshaped(vqa_files.annotations[3], shape)
        assert round_trip(vqa_files, tmp_path) == [True, True]

    def test_questions_keep_members_and_types(self, vqa_files: VqaFiles, tmp_path: Path) -> None:
        vqa_files.questions[2]["question_id"] = vqa_files.annotations[2]["question_id"] = "2"
        vqa_files.questions[4]["page"] = 1
        vqa_files.annotations[4]["page"] = 2
        assert round_trip(vqa_files, tmp_path) == [True, True]

    def test_a_token_in_a_text_comes_back(self, vqa_files: VqaFiles, tmp_path: Path) -> None:
        vqa_files.questions[1]["question"] = "Where is <image>?"
        vqa_files.annotations[2]["answers"][0]["answer"] = "<|im_end|>"
        assert round_trip(vqa_files, tmp_path) == [True, True]

    def test_a_bare_list_comes_back_as_one(self, vqa_files: VqaFiles, tmp_path: Path) -> None:
        answers = {row["question_id"]: row["answers"] for row in vqa_files.annotations}
        rows = [
            row | {"answers": [a["answer"] for a in answers[row["question_id"]]]}
            for row in vqa_files.questions
        ]
        path = tmp_path / "list.json"
        path.write_text(json.dumps(rows))
        images = vqa_files.folder / "images"
        source = OkVqa(questions=path, subset="val2014", split="test", image_root=[images])
        convert(source, tmp_path / "shards")
        export(VqaV2(), tmp_path / "shards", tmp_path / "out")
        assert [p.name for p in (tmp_path / "out").glob("test_*")] == ["test_questions.json"]
        assert same(path, tmp_path / "out" / "test_questions.json")

    def test_a_fixture_comes_back_without_what_was_not_kept(self, tmp_path: Path) -> None:
        folder = FIXTURES / "coco_vqa"
        paths = {kind: folder / f"{kind}.json" for kind in ("questions", "annotations")}
        convert(CocoVqa(**paths), tmp_path / "shards")
        export(VqaV2(), tmp_path / "shards", tmp_path / "out")
        origins = [r.origin for r in open_shards(tmp_path / "shards").records()]
        kept = {
            "questions": {origin.index for origin in origins},
            "annotations": {origin.answers_index for origin in origins},
        }
        for kind, path in paths.items():
            source = json.loads(path.read_text())
            source[kind] = [row for n, row in enumerate(source[kind]) if n in kept[kind]]
            (file,) = (tmp_path / "out").glob(f"*_{kind}.json")
            assert json.loads(file.read_text()) == source

    def test_other_data_gets_the_official_members(self, shards: Path, tmp_path: Path) -> None:
        receipt = export(VqaV2(), shards, tmp_path / "out")
        assert receipt.left_out == {"conversation-turn": 2, "no-picture": 1}
        document = json.loads((tmp_path / "out" / "train_annotations.json").read_text())
        row = next(row for row in document["annotations"] if row["question_id"] == 3)
        assert row == {
            "question_type": "none of the above", "multiple_choice_answer": "answer 3",
            "answers": [{"answer": "answer 3", "answer_id": 1}], "image_id": "a/source.png",
            "answer_type": "other", "question_id": 3,
        }  # fmt: skip

    def test_answers_of_several_pictures_are_left_out(self, tmp_path: Path) -> None:
        two = make_shards(tmp_path, [record(0, more_image_paths=["b/source.png"])])
        assert export(VqaV2(), two, tmp_path / "out").left_out == {"several-pictures": 1}


class TestTrl:
    @pytest.fixture(scope="class")
    def trl(self, shards: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
        out = tmp_path_factory.mktemp("trl") / "out"
        export(Trl(), shards, out)
        return out

    def load(self, folder: Path, cache: Path, name: str = "default") -> dict[str, Any]:
        """The rows of the training split by question; preferences by the worse answer."""
        from datasets import load_dataset

        rows = load_dataset(str(folder), name, split="train", cache_dir=str(cache))
        keys = rows["question_id"] if name == "default" else map(text_of, rows["rejected"])
        return dict(zip(keys, rows, strict=True))

    def test_a_question_has_its_prompt_and_its_picture(self, trl: Path, tmp_path: Path) -> None:
        row = self.load(trl, tmp_path)["3"]
        (user,) = row["prompt"]
        assert [(p["type"], p["text"]) for p in user["content"]] == [
            ("text", "Before "), ("image", None), ("text", " after")
        ]  # fmt: skip
        assert text_of(row["completion"]) == "answer 3"
        assert [image.size for image in row["images"]] == [(16, 12)]

    def test_each_turn_is_asked_after_those_before(self, trl: Path, tmp_path: Path) -> None:
        rows = self.load(trl, tmp_path)
        roles = [message["role"] for message in rows["4"]["prompt"]]
        assert roles == ["system", "user", "assistant", "user"]
        assert (len(rows["5"]["images"]), len(rows["4"]["images"])) == (1, 2)

    def test_preferences_are_a_configuration_of_their_own(self, trl: Path, tmp_path: Path) -> None:
        rows = self.load(trl, tmp_path, "preference")
        assert set(rows) == {"worse", "worst"}
        assert text_of(rows["worse"]["chosen"]) == "answer 7"

    def test_trl_fills_in_the_pictures(self, trl: Path, tmp_path: Path) -> None:
        data_utils = pytest.importorskip("trl.data_utils", reason="make peers has it")
        for row in self.load(trl, tmp_path).values():
            data_utils.prepare_multimodal_messages(row["prompt"], images=row["images"])
            data_utils.prepare_multimodal_messages(row["completion"])


def text_of(messages: list[dict[str, Any]]) -> str:
    """The text of a single message of one part."""
    ((part,),) = (message["content"] for message in messages)
    return str(part["text"])


class TestWebdataset:
    def members(self, path: Path) -> dict[str, bytes]:
        """The members of a tar file, in their order."""
        with tarfile.open(path) as tar:
            return {m.name: tar.extractfile(m).read() for m in tar.getmembers()}

    def test_a_sample_is_a_picture_and_its_json(self, shards: Path, tmp_path: Path) -> None:
        receipt = export(Webdataset(), shards, tmp_path / "out")
        assert receipt.left_out == {
            "missing-picture": 1, "no-picture": 1, "unreadable-picture": 1
        }  # fmt: skip
        members = self.members(tmp_path / "out" / "val_1_2-000000.tar")
        name = next(iter(members)).partition(".")[0]
        assert list(members) == [f"{name}.jpg", f"{name}.json"]
        document = json.loads(members[f"{name}.json"])
        assert (document["question"], document["answers"]) == ("Question 2?", ["answer 2"])
        assert document["record"]["licence"] == "CC BY 4.0"

    def test_a_sample_may_be_a_picture_with_its_questions(
        self, shards: Path, tmp_path: Path
    ) -> None:
        receipt = export(Webdataset(samples="picture"), shards, tmp_path / "out")
        assert (receipt.exported, receipt.rows) == (9, 6)
        members = self.members(tmp_path / "out" / "train-000000.tar")
        assert sum(name.endswith(".json") for name in members) == 3
        assert any(name.endswith(".1.png") for name in members)

    def test_files_are_closed_by_their_size(self, tmp_path: Path) -> None:
        rows = [record(n, image_path="noise.png") for n in range(50)]
        many = make_shards(tmp_path, rows, {"noise.png": encoded_noise()})
        export(Webdataset(shard_mb=1), many, tmp_path / "out")
        files = sorted((tmp_path / "out").glob("*.tar"))
        assert [file.name for file in files] == ["train-000000.tar", "train-000001.tar"]
        assert sum(len(self.members(file)) for file in files) == 100

    def test_webdataset_reads_it(self, shards: Path, tmp_path: Path) -> None:
        wds = pytest.importorskip("webdataset")
        export(Webdataset(), shards, tmp_path / "out")
        tar = str(tmp_path / "out" / "train-000000.tar")
        samples = list(wds.WebDataset(tar, shardshuffle=False).decode("pil"))
        ids = [sample["json"]["question_id"] for sample in samples]
        assert sorted(ids) == ["0", "1", "3", "4", "5", "7"]
        assert samples[0]["png"].size == (16, 12)

    def test_datasets_reads_it(self, shards: Path, tmp_path: Path) -> None:
        from datasets import load_dataset

        export(Webdataset(), shards, tmp_path / "out")
        file = str(tmp_path / "out" / "val_1_2-000000.tar")
        rows = load_dataset("webdataset", data_files=file, split="train", cache_dir=str(tmp_path))
        assert rows[0]["jpg"].size == (16, 12)
        assert rows[0]["json"]["question_id"] == "2"


class TestEnergon:
    def test_is_described_as_energon_prepares_it(self, shards: Path, tmp_path: Path) -> None:
        receipt = export(Energon(), shards, tmp_path / "out")
        assert receipt.left_out["several-pictures"] == 2
        meta = tmp_path / "out" / ".nv-meta"
        counts = json.loads((meta / ".info.json").read_text())["shard_counts"]
        parts = yaml.safe_load((meta / "split.yaml").read_text())["split_parts"]
        files = {file for part in parts.values() for file in part}
        assert (sum(counts.values()), set(counts)) == (receipt.rows, files)
        assert len(parts["val"]) == 2
        fields = yaml.safe_load((meta / "dataset.yaml").read_text())["field_map"]
        assert fields["image"] == "jpg,png"

    def test_the_index_says_where_samples_begin(self, shards: Path, tmp_path: Path) -> None:
        export(Energon(), shards, tmp_path / "out")
        index = (tmp_path / "out" / "train-000000.tar.idx").read_bytes()
        *starts, end = struct.unpack(f"<{len(index) // 8}Q", index)
        with tarfile.open(tmp_path / "out" / "train-000000.tar") as tar:
            members = tar.getmembers()
        assert starts == [member.offset for member in members[::2]]
        assert end == members[-1].offset_data + -(-members[-1].size // 512) * 512


class TestCroissant:
    OPTIONS: ClassVar[dict[str, str]] = {
        "name": "everything",
        "url": "https://example.org",
        "creator": "A. Person",
        "published": "2026-01-31",
    }

    def test_names_each_file_with_its_digest(self, shards: Path, tmp_path: Path) -> None:
        receipt = export(Croissant(**self.OPTIONS), shards, tmp_path / "out")
        document = json.loads((tmp_path / "out" / "croissant.json").read_text())
        digests = {f["@id"]: f["sha256"] for f in document["distribution"] if "sha256" in f}
        parquet = {e.file: e.sha256 for e in receipt.files if e.file.endswith(".parquet")}
        assert digests == parquet

    def test_asks_for_what_shards_do_not_know(self) -> None:
        with pytest.raises(ValidationError, match="published"):
            Croissant(**self.OPTIONS | {"published": "yesterday"})

    def test_mlcroissant_reads_it(self, shards: Path, tmp_path: Path) -> None:
        mlcroissant = pytest.importorskip("mlcroissant")
        export(Croissant(**self.OPTIONS), shards, tmp_path / "out")
        data = mlcroissant.Dataset(str(tmp_path / "out" / "croissant.json"))
        assert data.metadata.issues.errors == set()
        rows = {row["questions/question_id"]: row for row in data.records("questions")}
        assert set(rows) == {str(n).encode() for n in range(12)} - {b"8"}
        assert rows[b"0"]["questions/image"].size == (16, 12)
        assert rows[b"0"]["questions/answers"][0]["questions/answers/answer"] == b"answer 0"
