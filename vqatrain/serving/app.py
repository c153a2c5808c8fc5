"""The routes: chat completions, models, health, metrics; who may ask, and how much at a time.

The audit log has a line a request (time, status, tokens, pictures, seconds) and nothing of what was
asked or answered.
"""

from __future__ import annotations

import asyncio
import hmac
import json
import logging
import time
import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

from vqadata.errors import VqaDataError
from vqatrain.answerer import Said
from vqatrain.config import ServeConfig
from vqatrain.serving.engine import Engine, Full, Job
from vqatrain.serving.request import Asked, Refusal, parse

if TYPE_CHECKING:
    from starlette.applications import Starlette
    from starlette.requests import Request
    from starlette.responses import Response

audit = logging.getLogger("vqatrain.audit")
audit.propagate = False  # to its own file, or nowhere


class Service:
    """What the routes share.

    Args:
        engine: Answers.
        config: Limits, and the key.
        name: The model's name.
    """

    def __init__(self, engine: Engine, config: ServeConfig, name: str) -> None:
        """Make the counters."""
        from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

        self.engine, self.config, self.name = engine, config, name
        self.registry = CollectorRegistry()
        self._requests = Counter(
            "vqatrain_requests", "Requests by HTTP status.", ["status"], registry=self.registry
        )
        self._tokens = Counter(
            "vqatrain_tokens", "Tokens by kind.", ["kind"], registry=self.registry
        )
        self._seconds = Histogram(
            "vqatrain_request_seconds", "Time to the last token.", registry=self.registry
        )
        waiting = Gauge("vqatrain_waiting", "Requests in the queue.", registry=self.registry)
        waiting.set_function(lambda: engine.waiting)

    def count(self, status: int, began: float, pictures: int = 0, said: Said | None = None) -> None:
        """Count a request, and write its line of the audit log."""
        seconds = time.monotonic() - began
        self._requests.labels(str(status)).inc()
        self._seconds.observe(seconds)
        line: dict[str, Any] = {
            "status": status,
            "pictures": pictures,
            "seconds": round(seconds, 3),
        }
        if said is not None:
            self._tokens.labels("prompt").inc(said.prompt_tokens)
            self._tokens.labels("completion").inc(said.completion_tokens)
            line |= {"prompt": said.prompt_tokens, "completion": said.completion_tokens}
        audit.info(json.dumps({"time": round(time.time(), 3)} | line))

    def check_key(self, request: Request) -> None:
        """Refuse a request without the key, if there is one."""
        given = request.headers.get("authorization", "").removeprefix("Bearer ")
        key = self.config.api_key
        if key is not None and not hmac.compare_digest(given.encode(), key.encode()):
            raise Refusal(401, "a wrong API key, or none")

    async def body(self, request: Request) -> bytes:
        """The body, given up as soon as it is too large."""
        most, data = self.config.max_request_mb << 20, bytearray()
        async for part in request.stream():
            data += part
            if len(data) > most:
                raise Refusal(413, f"more than {self.config.max_request_mb} MiB")
        return bytes(data)

    async def answer(self, asked: Asked, heard: Any = None) -> Said:
        """Wait for the answer of the engine."""
        loop = asyncio.get_running_loop()
        future: asyncio.Future[Said] = loop.create_future()

        def settle(said: Said | Exception) -> None:
            if future.done():  # the client went away
                return
            if isinstance(said, Exception):
                future.set_exception(said)
            else:
                future.set_result(said)

        def done(said: Said | Exception) -> None:
            loop.call_soon_threadsafe(settle, said)

        try:
            self.engine.submit(Job(asked.chat, asked.limit, heard, done))
        except Full:
            raise Refusal(429, "too many requests wait; try again later") from None
        try:
            return await future
        except VqaDataError as error:
            raise Refusal(400, error.found) from None
        except Exception:  # noqa: BLE001 - whatever a model raises; the engine has logged it
            raise Refusal(500, "the model failed; the log of the server says how") from None


def build_app(service: Service) -> Starlette:
    """The application."""
    from starlette.applications import Starlette
    from starlette.responses import JSONResponse, PlainTextResponse, StreamingResponse
    from starlette.routing import Route

    async def complete(request: Request) -> Response:
        began = time.monotonic()
        pictures = 0
        try:
            service.check_key(request)
            raw = await service.body(request)
            asked = await asyncio.to_thread(parse, raw, service.config, service.name)
            pictures = len(asked.chat.pictures)
            if asked.stream:
                events = _events(service, asked, began)
                first = await anext(events)  # a refusal comes before the status is sent
                return StreamingResponse(_after(first, events), media_type="text/event-stream")
            said = await service.answer(asked)
        except Refusal as refusal:
            service.count(refusal.status, began, pictures)
            return JSONResponse(refusal.body(), refusal.status)
        service.count(200, began, pictures, said)
        return JSONResponse(_completion(service.name, said))

    async def models(request: Request) -> Response:
        try:
            service.check_key(request)
        except Refusal as refusal:
            return JSONResponse(refusal.body(), refusal.status)
        entry = {"id": service.name, "object": "model", "created": 0, "owned_by": "local"}
        return JSONResponse({"object": "list", "data": [entry]})

    async def health(request: Request) -> Response:  # noqa: ARG001 - a route
        return JSONResponse({"status": "ok"})

    async def metrics(request: Request) -> Response:  # noqa: ARG001 - a route
        from prometheus_client import CONTENT_TYPE_LATEST, generate_latest

        return PlainTextResponse(generate_latest(service.registry), media_type=CONTENT_TYPE_LATEST)

    @asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[None]:  # noqa: ARG001 - asked for
        yield
        await asyncio.to_thread(service.engine.close)

    routes = [
        Route("/v1/chat/completions", complete, methods=["POST"]),
        Route("/v1/models", models),
        Route("/health", health),
        Route("/metrics", metrics),
    ]
    return Starlette(routes=routes, lifespan=lifespan)


async def _events(service: Service, asked: Asked, began: float) -> AsyncIterator[str]:
    """A streamed answer as server-sent events."""
    loop = asyncio.get_running_loop()
    pieces: asyncio.Queue[str | None] = asyncio.Queue()
    identity = _identity()

    def heard(text: str) -> None:
        loop.call_soon_threadsafe(pieces.put_nowait, text)

    answer = asyncio.create_task(service.answer(asked, heard))
    answer.add_done_callback(lambda _: pieces.put_nowait(None))
    text = await pieces.get()
    if text is None and answer.exception() is not None:
        raise answer.exception() or Refusal(500, "no answer")
    yield _event(identity, service.name, {"role": "assistant", "content": ""})
    while text is not None:
        yield _event(identity, service.name, {"content": text})
        text = await pieces.get()
    try:
        said = answer.result()
    except Refusal as refusal:
        service.count(refusal.status, began, len(asked.chat.pictures))
        yield f"data: {json.dumps(refusal.body())}\n\n"
        return
    yield _event(identity, service.name, {}, said.finish)
    if asked.usage:
        yield _event(identity, service.name, None, usage=_usage(said))
    yield "data: [DONE]\n\n"
    service.count(200, began, len(asked.chat.pictures), said)


async def _after(first: str, rest: AsyncIterator[str]) -> AsyncIterator[str]:
    yield first
    async for event in rest:
        yield event


def _identity() -> str:
    return f"chatcmpl-{uuid.uuid4().hex}"


def _event(
    identity: str,
    name: str,
    delta: dict[str, str] | None,
    finish: str | None = None,
    usage: dict[str, int] | None = None,
) -> str:
    choices = [] if delta is None else [{"index": 0, "delta": delta, "finish_reason": finish}]
    chunk: dict[str, Any] = {
        "id": identity, "object": "chat.completion.chunk", "created": int(time.time()),
        "model": name, "choices": choices,
    }  # fmt: skip
    return f"data: {json.dumps(chunk | ({'usage': usage} if usage else {}))}\n\n"


def _completion(name: str, said: Said) -> dict[str, Any]:
    message = {"role": "assistant", "content": said.text}
    return {
        "id": _identity(), "object": "chat.completion", "created": int(time.time()), "model": name,
        "choices": [{"index": 0, "message": message, "finish_reason": said.finish}],
        "usage": _usage(said),
    }  # fmt: skip


def _usage(said: Said) -> dict[str, int]:
    return {
        "prompt_tokens": said.prompt_tokens,
        "completion_tokens": said.completion_tokens,
        "total_tokens": said.prompt_tokens + said.completion_tokens,
    }
