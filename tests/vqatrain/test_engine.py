"""The queue of the server: batches, company, failures that cost no other, an orderly end."""

from __future__ import annotations

import threading
import time
from collections.abc import Sequence
from typing import Any

import pytest

pytest.importorskip("starlette")

from vqatrain.answering.answerer import Said
from vqatrain.batches.batch import Chat
from vqatrain.serving.engine import Engine, Full, Job


class Echo:
    """Answers with the names of the chats; fails on those called bad."""

    def __init__(self) -> None:
        self.batches: list[list[str]] = []
        self.go = threading.Event()

    def converse(self, chats: Sequence[Chat], limits: Any, heard: Any) -> list[Said]:
        self.go.wait(10)
        names = [chat.where for chat in chats]
        self.batches.append(names)
        if "bad" in names:
            raise ValueError("bad")
        return [Said(name, 1, 1, "stop") for name in names]


def job(name: str, said: list[Any], pictures: int = 0) -> Job:
    chat: Any = Chat([], [None] * pictures, name)  # type: ignore[list-item]
    return Job(chat, 1, None, said.append)


def texts(said: list[Any]) -> set[str]:
    return {str(one.text) if isinstance(one, Said) else repr(one) for one in said}


def test_what_comes_meanwhile_goes_together() -> None:
    echo, said = Echo(), []
    engine = Engine(echo, 4, 100)  # type: ignore[arg-type]
    for number in range(9):
        engine.submit(job(str(number), said))
    echo.go.set()
    engine.close()
    assert [len(batch) for batch in echo.batches] == [4, 4, 1]
    assert texts(said) == set(map(str, range(9)))


def test_one_that_fails_costs_no_other() -> None:
    echo, said = Echo(), []
    engine = Engine(echo, 8, 100)  # type: ignore[arg-type]
    for name in ("a", "bad", "b"):
        engine.submit(job(name, said))
    echo.go.set()
    engine.close()
    assert texts(said) == {"a", "b", "ValueError('bad')"}


def test_requests_with_and_without_pictures_are_not_mixed() -> None:
    echo, said = Echo(), []
    engine = Engine(echo, 8, 100)  # type: ignore[arg-type]
    for name, pictures in (("a", 1), ("b", 0), ("c", 2)):
        engine.submit(job(name, said, pictures))
    echo.go.set()
    engine.close()
    assert sorted(echo.batches) == [["a", "c"], ["b"]]


def test_a_full_queue_is_said() -> None:
    echo, said = Echo(), []
    engine = Engine(echo, 1, 2)  # type: ignore[arg-type]
    engine.submit(job("0", said))
    while engine.waiting:
        time.sleep(0.001)
    for number in (1, 2):
        engine.submit(job(str(number), said))
    with pytest.raises(Full):
        engine.submit(job("3", said))
    echo.go.set()
    engine.close()
    assert texts(said) == {"0", "1", "2"}
