"""What a request asks, checked: chat completions with pictures, as OpenAI's API defines them.

Source: https://platform.openai.com/docs/api-reference/chat/create. Pictures come as ``image_url``
parts: data URIs, or URLs of hosts that were allowed when the server was started. Everything is
bounded before it is decoded. What is wrong is said in one :class:`Refusal`, and so is what would
change the answer and is not done here.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Iterable, Iterator
from itertools import groupby
from typing import TYPE_CHECKING, Annotated, Any, Literal, NamedTuple

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from vqadata.errors import VqaDataError
from vqatrain.batches.batch import Chat
from vqatrain.config import ServeConfig
from vqatrain.data import download, open_picture, picture_header
from vqatrain.serving.room import Full, Room

if TYPE_CHECKING:
    from PIL.Image import Image


class Refusal(Exception):  # noqa: N818 - an answer to a client, not a fault of the server
    """A request that is not answered: HTTP status, and what the client is told."""

    def __init__(self, status: int, message: str, param: str | None = None) -> None:
        """Keep status and words."""
        self.status, self.message, self.param = status, message, param
        self.pictures = 0
        super().__init__(message)

    def body(self) -> dict[str, Any]:
        """The error in the form of OpenAI's API."""
        kind = "invalid_request_error" if self.status < 500 else "server_error"
        error = {"message": self.message, "type": kind, "param": self.param, "code": self.status}
        return {"error": error}


class _Part(BaseModel):
    model_config = ConfigDict(extra="ignore")


class _Text(_Part):
    type: Literal["text"]
    text: str


class _Url(_Part):
    url: str


def _as_url(value: Any) -> Any:
    """An address may stand alone, as vLLM takes it."""
    return {"url": value} if isinstance(value, str) else value


class _Image(_Part):
    type: Literal["image_url"]
    image_url: Annotated[_Url, BeforeValidator(_as_url)]


class _Message(_Part):
    role: Literal["system", "developer", "user", "assistant"]
    content: str | list[Annotated[_Text | _Image, Field(discriminator="type")]]


class _StreamOptions(_Part):
    include_usage: bool = False


class _Body(_Part):
    model: str
    messages: list[_Message] = Field(min_length=1)
    max_tokens: int | None = Field(None, ge=1)
    max_completion_tokens: int | None = Field(None, ge=1)
    stream: bool | None = None
    stream_options: _StreamOptions | None = None
    n: Literal[1] | None = None
    temperature: float | None = Field(None, ge=0, le=2)
    top_p: float | None = Field(None, gt=0, le=1)
    # What follows would change the answer, and is refused if it asks for anything.
    stop: Any = None
    tools: Any = None
    functions: Any = None
    logprobs: Any = None
    logit_bias: Any = None
    response_format: Any = None
    frequency_penalty: Any = None
    presence_penalty: Any = None


NOT_DONE = (
    "stop", "tools", "functions", "logprobs", "logit_bias", "response_format", "frequency_penalty",
    "presence_penalty",
)  # fmt: skip
"""Fields that are refused rather than left unread."""

PLAIN = {"type": "text"}
"""The one form of an answer, which may be asked for by name."""

MOST_PARTS = 1000
"""Most turns of a request, and most parts of all its turns: each costs time, however short."""

FORMATS = frozenset({"AVIF", "BMP", "GIF", "JPEG", "JPEG2000", "MPO", "PNG", "TIFF", "WEBP"})
"""Formats that are decoded; Pillow would hand others to programs, as EPS to Ghostscript."""


class Asked(NamedTuple):
    """A request that can be answered."""

    chat: Chat
    limit: int
    """Most tokens of the answer."""
    pixels: int
    """Of all pictures; they take room until the answer is there."""
    stream: bool
    usage: bool
    """Whether a streamed answer ends with the counts."""

    @property
    def pictures(self) -> int:
        """How many pictures there are."""
        return len(self.chat.pictures)


def parse(raw: bytes, config: ServeConfig, name: str, room: Room) -> Asked:
    """Check a request, and decode its pictures.

    Args:
        raw: The body.
        config: Limits.
        name: The model's name.
        room: For pixels; what the request takes of it is given back by whoever has answered it.

    Raises:
        Refusal: 400 for what is wrong, 404 for another model, 413 for what is too large, 429 where
            there is no room now.
    """
    body = _body(raw)
    _check(body, config, name)
    limit = body.max_completion_tokens or body.max_tokens or config.max_new_tokens
    encoded = _encoded(body, config)
    pixels = sum(one.pixels for one in encoded)
    _enter(pixels, room)
    try:
        chat = Chat(_messages(body), [_decoded(one) for one in encoded], "request")
    except BaseException:
        room.give(pixels)
        raise
    usage = body.stream_options is not None and body.stream_options.include_usage
    return Asked(chat, min(limit, config.max_new_tokens), pixels, bool(body.stream), usage)


def _check(body: _Body, config: ServeConfig, name: str) -> None:
    if body.model != name:
        raise Refusal(404, f"no model {body.model!r}; this is {name!r}", "model")
    if body.temperature:
        raise Refusal(400, "answers are greedy; temperature must be 0 or absent", "temperature")
    for field in NOT_DONE:
        if getattr(body, field) not in (None, False, 0, [], {}, PLAIN):
            raise Refusal(400, f"{field} is not done here; leave it out", field)
    if (parts := len(body.messages) + sum(len(_parts(one)) for one in body.messages)) > MOST_PARTS:
        raise Refusal(413, f"{parts:,} turns and parts; at most {MOST_PARTS:,}", "messages")
    letters = sum(len(text) for text in _texts(body))
    if letters > config.max_letters:
        raise Refusal(413, f"{letters:,} letters; at most {config.max_letters:,}", "messages")
    if body.messages[-1].role != "user":
        raise Refusal(400, "the last message must be the user's", "messages")


def _enter(pixels: int, room: Room) -> None:
    if pixels > room.most:
        raise Refusal(413, f"{pixels:,} pixels in all; at most {room.most:,}", "messages")
    try:
        room.take(pixels)
    except Full:
        raise Refusal(429, "too many large pictures wait; try again later") from None


def _body(raw: bytes) -> _Body:
    try:
        return _Body.model_validate_json(raw)
    except ValidationError as error:
        # Content is a text or parts; what was meant is the one that was followed furthest.
        faults = error.errors(include_url=False, include_input=False)
        fault = max(faults, key=lambda fault: len(fault["loc"]))
        place = _place(fault["loc"])
        raise Refusal(400, f"{place or 'body'}: {fault['msg']}", place or None) from None


def _place(steps: Iterable[str | int]) -> str:
    """Where in the request, without the kinds of content and of parts that were tried.

    >>> _place(["messages", 0, "content", "list[parts]", 1, "image_url", "image_url", "url"])
    'messages.0.content.1.image_url.url'
    """
    named = (str(s) for s in steps if s != "str" and not str(s).startswith("list["))
    return ".".join(step for step, _ in groupby(named))


def _messages(body: _Body) -> list[dict[str, Any]]:
    """Messages as chat templates want them: content in parts, pictures as mere slots."""
    found: list[dict[str, Any]] = []
    for message in body.messages:
        parts: list[dict[str, str]] = []
        for part in _parts(message):
            is_text = isinstance(part, _Text)
            parts.append({"type": "text", "text": part.text} if is_text else {"type": "image"})
        role = "system" if message.role == "developer" else message.role
        found.append({"role": role, "content": parts})
    return found


def _parts(message: _Message) -> list[Any]:
    if isinstance(message.content, str):
        return [_Text(type="text", text=message.content)]
    return list(message.content)


def _texts(body: _Body) -> Iterator[str]:
    for message in body.messages:
        yield from (part.text for part in _parts(message) if isinstance(part, _Text))


class _Encoded(NamedTuple):
    """A picture as it came, and what its header says."""

    place: str
    data: bytes
    pixels: int


def _encoded(body: _Body, config: ServeConfig) -> list[_Encoded]:
    urls = [
        (f"messages.{n}.content.{k}", part.image_url.url)
        for n, message in enumerate(body.messages)
        for k, part in enumerate(_parts(message))
        if isinstance(part, _Image)
    ]
    if len(urls) > config.max_pictures:
        found = f"{len(urls):,} pictures; at most {config.max_pictures}"
        raise Refusal(413, found, "messages")
    return [_looked_at(place, url, config) for place, url in urls]


def _looked_at(place: str, url: str, config: ServeConfig) -> _Encoded:
    data = _data(place, url) if url[:5].lower() == "data:" else _fetched(place, url, config)
    try:
        header = picture_header(data)
    except VqaDataError as error:
        raise _refused(place, error) from None
    if header.format not in FORMATS:
        known = ", ".join(sorted(FORMATS))
        raise Refusal(400, f"{place}: a picture of format {header.format}, not {known}", place)
    if (pixels := header.width * header.height) > config.max_picture_pixels:
        most = f"at most {config.max_picture_pixels:,}"
        raise Refusal(413, f"{place}: {pixels:,} pixels; {most}", place)
    return _Encoded(place, data, pixels)


def _decoded(one: _Encoded) -> Image:
    try:
        return open_picture(one.data)
    except VqaDataError as error:
        raise _refused(one.place, error) from None


def _refused(place: str, error: VqaDataError) -> Refusal:
    large = "too-many-pixels" in error.found
    return Refusal(413 if large else 400, f"{place}: {error.found}", place)


def _data(place: str, url: str) -> bytes:
    head, comma, text = url.partition(",")
    if not comma or not head.lower().endswith(";base64"):
        raise Refusal(400, f"{place}: a data URI without ;base64,", place)
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError) as error:
        raise Refusal(400, f"{place}: not base64: {error}", place) from None


def _fetched(place: str, url: str, config: ServeConfig) -> bytes:
    """A picture of an allowed host; the reason of a failure tells nothing of the network."""
    try:
        return download(url, frozenset(config.allow_host), config.max_request_mb)
    except VqaDataError as error:
        raise Refusal(400, f"{place}: {error.found}; {error.expected}", place) from None
