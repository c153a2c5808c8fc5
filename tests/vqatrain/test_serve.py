"""The server, asked by OpenAI's own client: answers, streams, limits, hostile requests."""

from __future__ import annotations

import json
import re
import socket
import time
import urllib.request
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("uvicorn")
openai = pytest.importorskip("openai")

import vqatrain
from tests.conftest import encoded
from tests.vqatrain.hostile import HOSTILE, LIMITS, USER, blank, messages, post, uri
from tests.vqatrain.served import served
from vqatrain.config import ServeConfig
from vqatrain.serving import app
from vqatrain.serving.request import Refusal, parse
from vqatrain.serving.room import Room

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
        max_waiting=200, **LIMITS,
    )  # fmt: skip
    with served(config) as found:
        yield found
    lines = [json.loads(line) for line in log.read_text().splitlines()]
    assert {line["status"] for line in lines} >= {200, 400, 401, 404, 413}
    assert not any(word in log.read_text() for word in ("colour", "red", KEY))


@pytest.fixture(scope="module")
def client(address: str) -> Any:
    return openai.OpenAI(base_url=f"{address}/v1", api_key=KEY, max_retries=0)


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


@pytest.mark.parametrize(("status", "body"), [h[1:] for h in HOSTILE], ids=[h[0] for h in HOSTILE])
def test_hostile_requests_get_one_clear_status(
    address: str, client: Any, status: int, body: Any
) -> None:
    found, answer = post(address, body, KEY)
    assert found == status
    if status != 200:
        assert answer["error"]["message"]
        assert answer["error"]["code"] == status
    assert client.models.list()


def test_a_wrong_key_is_refused(address: str) -> None:
    assert post(address, {"model": "colours", "messages": [USER]}, "wrong")[0] == 401


def test_a_bad_picture_costs_a_streamed_request_its_status(address: str) -> None:
    body = {"model": "colours", "messages": messages("?", uri(b"no")), "stream": True}
    assert post(address, body, KEY)[0] == 400


def test_a_page_of_another_host_may_not_ask(address: str) -> None:
    here, elsewhere = ({"Origin": f"http://{host}:8000"} for host in ("localhost", "evil.org"))
    assert post(address, {}, KEY, here)[0] == 200
    status, answer = post(address, {}, KEY, elsewhere)
    assert (status, answer["error"]["code"]) == (403, 403)


def test_a_body_that_does_not_come_is_given_up(
    address: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(app, "BODY_SECONDS", 0.2)
    with begun(address, 1000, b"{") as connection:
        assert connection.recv(100).startswith(b"HTTP/1.1 408")


def test_a_client_that_goes_away_from_a_stream_is_counted(address: str) -> None:
    body = {"model": "colours", "messages": [USER], "stream": True, "max_tokens": 8}
    before = counted(address, app.GONE)
    for _ in range(20):  # the answer is short, and may have come before the client went
        data = json.dumps(body).encode()
        with begun(address, len(data), data) as connection:
            connection.recv(1)
        if counted(address, app.GONE) > before:
            return
    pytest.fail("none of the clients that went away was counted")


def test_a_client_that_goes_away_from_its_request_is_counted(address: str) -> None:
    before = counted(address, app.GONE)
    begun(address, 1000, b"{").close()
    deadline = time.monotonic() + 20
    while counted(address, app.GONE) == before and time.monotonic() < deadline:
        time.sleep(0.02)
    assert counted(address, app.GONE) == before + 1


def begun(address: str, length: int, body: bytes) -> socket.socket:
    """A connection that has sent some of its request."""
    host, _, port = address.removeprefix("http://").partition(":")
    head = f"POST /v1/chat/completions HTTP/1.1\r\nHost: {host}\r\nAuthorization: Bearer {KEY}\r\n"
    connection = socket.create_connection((host, int(port)), timeout=30)
    connection.sendall(f"{head}Content-Length: {length}\r\n\r\n".encode() + body)
    return connection


def counted(address: str, status: int) -> float:
    """Requests of a status, as the server counts them."""
    with urllib.request.urlopen(f"{address}/metrics") as answer:
        found = re.search(rf'requests_total{{status="{status}"}} (\S+)', answer.read().decode())
    return float(found[1]) if found else 0.0


def asked(*pictures: str) -> bytes:
    return json.dumps({"model": "m", "messages": messages("?", *pictures)}).encode()


def test_pictures_wait_for_room() -> None:
    config, room = ServeConfig(model="m"), Room(5000)
    first = parse(asked(uri(blank(60, 60))), config, "m", room)
    assert (first.pixels, room.taken) == (3600, 3600)
    for pictures, status in (([blank(60, 60)], 429), ([blank(60, 60)] * 2, 413)):
        with pytest.raises(Refusal) as refused:
            parse(asked(*map(uri, pictures)), config, "m", room)
        assert refused.value.status == status
    assert room.taken == 3600
    room.give(first.pixels)
    with pytest.raises(Refusal, match="truncated"):
        parse(asked(uri(encoded("red", (64, 64))[:-40])), config, "m", room)
    assert room.taken == 0, "what is refused takes none"


def test_the_address_of_a_picture_may_stand_alone() -> None:
    part = {"type": "image_url", "image_url": uri(blank(60, 60))}
    body = {"model": "m", "messages": [{"role": "user", "content": [part]}]}
    found = parse(json.dumps(body).encode(), ServeConfig(model="m"), "m", Room(5000))
    assert found.chat.pictures[0].size == (60, 60)


@pytest.mark.parametrize(
    ("change", "place", "said"),
    [
        ({"content": [{"type": "video_url"}]}, "messages.0.content.0", "Input tag 'video_url'"),
        ({"content": [{"type": "image_url"}]}, "messages.0.content.0.image_url", "Field required"),
        ({"content": [{"type": "image_url", "image_url": {}}]},
         "messages.0.content.0.image_url.url", "Field required"),
        ({"content": [{"type": "text"}]}, "messages.0.content.0.text", "Field required"),
        ({"content": 5}, "messages.0.content", "Input should be a valid"),
        ({"role": "tool"}, "messages.0.role", "Input should be 'system'"),
    ],
)  # fmt: skip
def test_a_fault_is_told_where_it_is(change: dict[str, Any], place: str, said: str) -> None:
    body = {"model": "m", "messages": [{"role": "user", "content": "x"} | change]}
    with pytest.raises(Refusal) as refused:
        parse(json.dumps(body).encode(), ServeConfig(model="m"), "m", Room(5000))
    assert refused.value.message.startswith(f"{place}: {said}")
    assert refused.value.param == place


def test_options_of_a_stream_keep_their_name() -> None:
    body = {"model": "m", "messages": [{"role": "user", "content": "x"}], "stream_options": 5}
    with pytest.raises(Refusal, match=r"^stream_options: "):
        parse(json.dumps(body).encode(), ServeConfig(model="m"), "m", Room(5000))


def test_a_question_that_is_too_long_is_told_what_fits(client: Any) -> None:
    from openai import BadRequestError

    with pytest.raises(BadRequestError, match=r"tokens and 4 for the answer; expected [\d,]+ tog"):
        client.chat.completions.create(
            model="colours", max_tokens=4, messages=[{"role": "user", "content": "€" * 4000}]
        )


def test_a_key_may_have_any_letters() -> None:
    from starlette.requests import Request

    service = app.Service(None, ServeConfig(model="m", api_key="schl\u00fcssel"), "m")  # type: ignore[arg-type]
    for given, passes in (("schl\u00fcssel", True), ("schluessel", False)):
        headers = [(b"authorization", f"Bearer {given}".encode())]
        request = Request({"type": "http", "headers": headers})
        if passes:
            service.admit(request)
            continue
        with pytest.raises(Refusal, match="key"):
            service.admit(request)


def test_health_and_metrics(address: str) -> None:
    with urllib.request.urlopen(f"{address}/health") as answer:
        assert json.load(answer) == {"status": "ok"}
    with urllib.request.urlopen(f"{address}/metrics") as answer:
        text = answer.read().decode()
    assert 'vqatrain_requests_total{status="200"}' in text
    assert 'vqatrain_tokens_total{kind="completion"}' in text
