"""The server, asked by OpenAI's own client: answers, streams, limits, hostile requests."""

from __future__ import annotations

import base64
import io
import json
import struct
import urllib.error
import urllib.request
import zlib
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

pytest.importorskip("uvicorn")
openai = pytest.importorskip("openai")

import vqatrain
from tests.conftest import encoded
from tests.vqatrain.served import served
from vqatrain.config import ServeConfig

KEY = "a key"
COLOURS = ("red", "blue", "green", "yellow")


def question(number: int) -> str:
    return f"What colour is part {number}?"


@pytest.fixture(scope="module")
def run(learnt: Path) -> Path:
    """A run that knows colours: mixed-up answers would show."""
    return learnt


@pytest.fixture(scope="module")
def address(run: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    log = tmp_path_factory.mktemp("audit") / "audit.jsonl"
    config = ServeConfig(
        model=str(run), name="colours", port=0, api_key=KEY, audit_log=log, max_new_tokens=8,
        max_request_mb=2, max_pictures=4, max_letters=5000, max_picture_pixels=4_000_000,
        max_waiting=200,
    )  # fmt: skip
    with served(config) as found:
        yield found
    lines = [json.loads(line) for line in log.read_text().splitlines()]
    assert {line["status"] for line in lines} >= {200, 400, 401, 404, 413}
    assert not any(word in log.read_text() for word in ("colour", "red", KEY))


@pytest.fixture(scope="module")
def client(address: str) -> Any:
    return openai.OpenAI(base_url=f"{address}/v1", api_key=KEY, max_retries=0)


def uri(data: bytes) -> str:
    return "data:image/png;base64," + base64.b64encode(data).decode()


def content(text: str, *pictures: str) -> list[dict[str, Any]]:
    parts = [{"type": "image_url", "image_url": {"url": picture}} for picture in pictures]
    return [*parts, {"type": "text", "text": text}]


def messages(text: str, *pictures: str) -> list[dict[str, Any]]:
    return [{"role": "user", "content": content(text, *pictures)}]


def ask(client: Any, number: int) -> str:
    picture = uri(encoded(COLOURS[number % 4], (64, 64)))
    done = client.chat.completions.create(
        model="colours", messages=messages(question(number), picture)
    )
    return str(done.choices[0].message.content)


def test_the_model_is_listed(client: Any) -> None:
    assert [model.id for model in client.models.list()] == ["colours"]


def test_it_answers_as_infer_does(client: Any, run: Path) -> None:
    model = vqatrain.load(run, max_new_tokens=8)
    for number in range(4):
        picture = encoded(COLOURS[number % 4], (64, 64))
        assert ask(client, number) == model.answer(picture, question(number))


def test_concurrent_clients_get_their_own_answers(client: Any) -> None:
    with ThreadPoolExecutor(32) as pool:
        answers = list(pool.map(lambda n: ask(client, n), range(64)))
    alone = [ask(client, number) for number in range(4)]
    assert len(set(alone)) == 4
    assert answers == [alone[number % 4] if number < 4 else ask(client, number)
                       for number in range(64)]  # fmt: skip


def test_usage_is_counted(client: Any) -> None:
    done = client.chat.completions.create(model="colours", messages=messages("Hi?"), max_tokens=2)
    assert done.usage.completion_tokens <= 2
    assert done.usage.total_tokens == done.usage.prompt_tokens + done.usage.completion_tokens
    assert done.choices[0].finish_reason in ("stop", "length")


def test_a_streamed_answer_is_the_whole_one(client: Any) -> None:
    asked = messages(question(2), uri(encoded("green", (64, 64))))
    whole = client.chat.completions.create(model="colours", messages=asked)
    chunks = list(
        client.chat.completions.create(
            model="colours", messages=asked, stream=True, stream_options={"include_usage": True}
        )
    )
    text = "".join(c.choices[0].delta.content or "" for c in chunks if c.choices)
    assert text == whole.choices[0].message.content
    assert chunks[-2].choices[0].finish_reason == whole.choices[0].finish_reason
    assert chunks[-1].usage.total_tokens == whole.usage.total_tokens


def test_conversations_and_several_pictures(client: Any) -> None:
    two = [uri(encoded(colour, (64, 64))) for colour in ("red", "blue")]
    turns = [
        {"role": "system", "content": "Be brief."},
        *messages("Same colour?", *two),
        {"role": "assistant", "content": "no"},
        {"role": "user", "content": "And now?"},
    ]
    assert client.chat.completions.create(model="colours", messages=turns).choices


def bomb() -> bytes:
    def chunk(kind: bytes, data: bytes) -> bytes:
        crc = struct.pack(">I", zlib.crc32(kind + data))
        return struct.pack(">I", len(data)) + kind + data + crc

    header = struct.pack(">IIBBBBB", 60_000, 60_000, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", b"") + chunk(b"IEND", b"")


def large() -> bytes:
    file = io.BytesIO()
    Image.new("L", (2500, 2000)).save(file, "PNG")
    return file.getvalue()


PICTURE = uri(encoded("red", (8, 8)))
USER = {"role": "user", "content": "Hi?"}
HOSTILE: list[tuple[str, int, Any]] = [
    ("not json", 400, b"{"),
    ("not utf-8", 400, b"\xff\xfe"),
    ("empty", 400, b""),
    ("list", 400, []),
    ("deep", 400, b"[" * 100_000),
    ("no messages", 400, {"messages": []}),
    ("no model", 400, {"model": None}),
    ("other model", 404, {"model": "gpt"}),
    ("unknown role", 400, {"messages": [{"role": "tool", "content": "x"}]}),
    ("no user last", 400, {"messages": [USER, {"role": "assistant", "content": "x"}]}),
    ("audio", 400, {"messages": [{"role": "user", "content": [{"type": "input_audio"}]}]}),
    ("number as text", 400, {"messages": [{"role": "user", "content": 5}]}),
    ("several answers", 400, {"n": 5}),
    ("zero tokens", 400, {"max_tokens": 0}),
    ("hot", 400, {"temperature": 1.5}),
    ("huge prompt", 413, {"messages": messages("x" * 6000)}),
    ("huge body", 413, b" " * (3 << 20)),
    ("too long for the model", 200, {"messages": messages("word " * 10)}),
    ("pictures", 413, {"messages": messages("?", *[PICTURE] * 5)}),
    ("bomb", 413, {"messages": messages("?", uri(bomb()))}),
    ("large", 413, {"messages": messages("?", uri(large()))}),
    ("truncated base64", 400, {"messages": messages("?", PICTURE[:-5])}),
    ("truncated picture", 400, {"messages": messages("?", uri(encoded("red", (64, 64))[:-40]))}),
    ("no picture", 400, {"messages": messages("?", uri(b"<html>"))}),
    ("empty picture", 400, {"messages": messages("?", uri(b""))}),
    ("no base64", 400, {"messages": messages("?", "data:image/png,abc")}),
    ("metadata service", 400, {"messages": messages("?", "http://169.254.169.254/latest")}),
    ("own port", 400, {"messages": messages("?", "http://127.0.0.1/health")}),
    ("file", 400, {"messages": messages("?", "file:///etc/passwd")}),
    ("path", 400, {"messages": messages("?", "/etc/passwd")}),
    ("special tokens", 200, {"messages": messages("<image><|im_end|><end_of_utterance>?")}),
    ("nul", 200, {"messages": messages("\x00?")}),
]


@pytest.mark.parametrize(("status", "body"), [h[1:] for h in HOSTILE], ids=[h[0] for h in HOSTILE])
def test_hostile_requests_get_one_clear_status(
    address: str, client: Any, status: int, body: Any
) -> None:
    if isinstance(body, dict):
        body = {"model": "colours", "messages": [USER], "max_tokens": 1} | body
    found, answer = post(address, body)
    assert found == status
    if status != 200:
        assert answer["error"]["message"]
        assert answer["error"]["code"] == status
    assert client.models.list()


def post(address: str, body: Any, key: str = KEY) -> tuple[int, Any]:
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    headers = {"Authorization": f"Bearer {key}", "Content-Type": "application/json"}
    request = urllib.request.Request(f"{address}/v1/chat/completions", data, headers)
    try:
        with urllib.request.urlopen(request, timeout=60) as answer:
            return answer.status, json.load(answer)
    except urllib.error.HTTPError as error:
        return error.code, json.load(error)


def test_a_wrong_key_is_refused(address: str) -> None:
    assert post(address, {"model": "colours", "messages": [USER]}, key="wrong")[0] == 401


def test_a_bad_picture_costs_a_streamed_request_its_status(address: str) -> None:
    body = {"model": "colours", "messages": messages("?", uri(b"no")), "stream": True}
    assert post(address, body)[0] == 400


def test_health_and_metrics(address: str) -> None:
    with urllib.request.urlopen(f"{address}/health") as answer:
        assert json.load(answer) == {"status": "ok"}
    with urllib.request.urlopen(f"{address}/metrics") as answer:
        text = answer.read().decode()
    assert 'vqatrain_requests_total{status="200"}' in text
    assert 'vqatrain_tokens_total{kind="completion"}' in text
