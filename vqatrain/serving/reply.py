"""Answers as OpenAI's API words them: whole, or as server-sent events.

Source: https://platform.openai.com/docs/api-reference/chat/object and ``chat/streaming``.
"""

from __future__ import annotations

import json
import time
import uuid
from typing import Any

from vqatrain.answering.answerer import Said

DONE = "data: [DONE]\n\n"


def completion(name: str, said: Said) -> dict[str, Any]:
    """A whole answer."""
    message = {"role": "assistant", "content": said.text}
    choice = {"index": 0, "message": message, "finish_reason": said.finish}
    return _head("chat.completion", name) | {"choices": [choice], "usage": _usage(said)}


class Stream:
    """The events of one answer.

    Args:
        name: The model's name.
    """

    def __init__(self, name: str) -> None:
        """Give the answer its id."""
        self._head = _head("chat.completion.chunk", name)

    def start(self) -> str:
        """Whose turn it is."""
        return self._chunk({"role": "assistant", "content": ""})

    def piece(self, text: str) -> str:
        """Some words."""
        return self._chunk({"content": text})

    def end(self, said: Said, usage: bool) -> str:
        """Why the answer ended, the counts if they were asked for, and that this is all."""
        events = [self._chunk({}, said.finish)]
        if usage:
            events.append(event(self._head | {"choices": [], "usage": _usage(said)}))
        return "".join([*events, DONE])

    def _chunk(self, delta: dict[str, str], finish: str | None = None) -> str:
        choice = {"index": 0, "delta": delta, "finish_reason": finish}
        return event(self._head | {"choices": [choice]})


def event(data: dict[str, Any]) -> str:
    """One server-sent event."""
    return f"data: {json.dumps(data)}\n\n"


def _head(kind: str, name: str) -> dict[str, Any]:
    identity = f"chatcmpl-{uuid.uuid4().hex}"
    return {"id": identity, "object": kind, "created": int(time.time()), "model": name}


def _usage(said: Said) -> dict[str, int]:
    return {
        "prompt_tokens": said.prompt_tokens,
        "completion_tokens": said.completion_tokens,
        "total_tokens": said.prompt_tokens + said.completion_tokens,
    }
