"""What the chat formats write: texts, content parts, pictures by path, URL or bytes.

Formats: OpenAI content parts (https://platform.openai.com/docs/guides/images-vision), those of
Anthropic, of ``transformers`` chat templates, and lists of pictures as ms-swift and LLaMA-Factory
write them. A text inside content parts is taken as it is: there, pictures are parts of their own.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from vqadata.layouts.chat import (
    Content,
    Conversation,
    Role,
    Slot,
    Utterance,
    conversation_rows,
    parse_text,
)
from vqadata.layouts.field_path import FieldPath, join_path, look_up
from vqadata.layouts.field_profile import is_scalar
from vqadata.layouts.mapped_value import Value, as_text, is_nothing, parsed_list
from vqadata.layouts.row_reading import Lost
from vqadata.layouts.typed import MISSING_FIELD, WRONG_TYPE, BadRecord, json_type
from vqadata.ledger import Rejection
from vqadata.reading.json_scan import RawRecord
from vqadata.record import Row

NOT_A_PICTURE = "video-or-audio"
UNKNOWN_ROLE = "unknown-role"

ROLES: dict[str, Role] = {
    "system": "system", "developer": "system",
    "user": "user", "human": "user",
    "assistant": "assistant", "gpt": "assistant", "bot": "assistant", "model": "assistant",
    "chatgpt": "assistant", "bing": "assistant", "bard": "assistant",
}  # fmt: skip
"""Names of the speakers in the formats."""

OTHER_MEDIA = ("video", "videos", "audio", "audios")
"""Fields that name what is no picture."""

SOLUTIONS: tuple[FieldPath, ...] = (("solution",), ("reward_model", "ground_truth"))
"""Where the answer to the last question stands, if it is no message; see :func:`solved`."""


class OtherMedia(Exception):  # noqa: N818 - an outcome that the ledger counts, not a failure
    """A record about a video or a sound."""

    def __init__(self, place: str, found: str) -> None:
        """Keep the place and what is there."""
        self.why = Rejection(NOT_A_PICTURE, place, found, "a picture")
        super().__init__(found)


def chat_rows(
    record: RawRecord, members: Mapping[str, Any], build: Callable[[], Conversation]
) -> Sequence[Row | Lost]:
    """The rows of a conversation; a record about a video or a sound is dropped.

    Args:
        record: The record.
        members: Its members.
        build: Makes the conversation of them.

    Raises:
        BadRecord: The conversation cannot be used.
    """
    try:
        for name in OTHER_MEDIA:
            if members.get(name):
                raise OtherMedia(record.at(f"{name}"), str(members[name])[:80])
        return conversation_rows(record, build())
    except OtherMedia as other:
        return [Lost("dropped", other.why)]


def utterances(
    messages: Any, place: str, names: tuple[str, str], roles: Mapping[str, Role] = ROLES
) -> list[Utterance]:
    """The messages of a list.

    Args:
        messages: The list.
        place: Where it stands.
        names: The fields that hold speaker and content: ``role``, ``content`` or ``from``,
            ``value``.
        roles: What the speakers are called, in lower case.

    Raises:
        BadRecord: It is no list of such messages.
    """
    if not isinstance(messages, list):
        raise BadRecord(Rejection(WRONG_TYPE, place, json_type(messages), "list of messages"))
    return [utterance(said, f"{place}[{n}]", names, roles) for n, said in enumerate(messages)]


def turns_of(messages: Any, place: str) -> list[Utterance]:
    """Messages whose fields are not known beforehand: of OpenAI, ShareGPT or the Cauldron.

    Raises:
        BadRecord: They are none of these.
    """
    if isinstance(messages, list) and messages and isinstance(messages[0], dict):
        if "user" in messages[0]:
            pairs = [{"user": m.get("user"), "assistant": m.get("assistant")} for m in messages]
            messages = [{"role": r, "content": said} for pair in pairs for r, said in pair.items()]
        elif "from" in messages[0]:
            return utterances(messages, place, ("from", "value"))
    return utterances(messages, place, ("role", "content"))


def utterance(
    message: Any, place: str, names: tuple[str, str], roles: Mapping[str, Role] = ROLES
) -> Utterance:
    """One message; see :func:`utterances`."""
    if not isinstance(message, dict):
        raise BadRecord(Rejection(WRONG_TYPE, place, json_type(message), "object"))
    role_field, content_field = names
    for field in names:
        if field not in message:
            raise BadRecord(Rejection(MISSING_FIELD, place, "nothing", f"the field {field!r}"))
    said = message[role_field]
    role = roles.get(said.lower()) if isinstance(said, str) else None
    if role is None:
        expected = f"one of {', '.join(roles)}"
        why = Rejection(UNKNOWN_ROLE, f"{place}.{role_field}", repr(said)[:80], expected)
        raise BadRecord(why)
    return Utterance(role, content(message[content_field], f"{place}.{content_field}"), place)


def content(value: Any, place: str) -> Content:
    """What a message says: a text with marks, or a list of parts.

    Raises:
        BadRecord: It is neither.
        OtherMedia: A part is a video or a sound.
    """
    if isinstance(value, str):
        _refuse_media_marks(value, place)
        return parse_text(value)
    if isinstance(value, list):
        return [_part(part, f"{place}[{number}]") for number, part in enumerate(value)]
    raise BadRecord(Rejection(WRONG_TYPE, place, json_type(value), "string or list of parts"))


def _refuse_media_marks(text: str, place: str) -> None:
    for mark in ("<video>", "<audio>"):
        if mark in text:
            raise OtherMedia(place, mark)


def _part(part: Any, place: str) -> str | Slot:
    """One content part: text, or a picture as URL, path or bytes, or one of those listed beside."""
    if isinstance(part, str):
        return part
    if not isinstance(part, dict):
        raise BadRecord(Rejection(WRONG_TYPE, place, json_type(part), "string or object"))
    kind = str(
        part.get("type") or next((k for k in ("text", "image_url", "image") if k in part), "")
    )
    if kind in ("text", "input_text", "output_text"):
        return _text(part.get("text"), f"{place}.text")
    if kind in ("image", "image_url", "input_image"):
        return _picture_part(part, place)
    if "video" in kind or "audio" in kind:
        raise OtherMedia(place, kind)
    raise BadRecord(Rejection(WRONG_TYPE, f"{place}.type", repr(kind), "text or image"))


def _picture_part(part: Mapping[str, Any], place: str) -> Slot:
    for field in ("image_url", "image", "url", "path", "source"):
        if part.get(field) is not None:
            return Slot("", picture(part[field], f"{place}.{field}"))
    return Slot("<image>")


def _text(value: Any, place: str) -> str:
    if not isinstance(value, str):
        raise BadRecord(Rejection(WRONG_TYPE, place, json_type(value), "string"))
    return value


def pictures(record: RawRecord, members: Mapping[str, Any], names: Sequence[str]) -> list[str]:
    """The pictures that a record lists: the first of the fields that says anything.

    Raises:
        BadRecord: A picture is neither text nor an object that names one.
    """
    field = next((name for name in names if members.get(name)), None)
    if field is None:
        return []
    value = members[field]
    if isinstance(value, str) and value.lstrip().startswith("["):
        value = parsed_list(value.strip())
    if not isinstance(value, list):
        return [picture(value, record.at(field))]
    return [picture(item, record.at(f"{field}[{number}]")) for number, item in enumerate(value)]


def picture(value: Any, place: str) -> str:
    """The name of one picture: a path, a URL or a data URI.

    Raises:
        BadRecord: It is neither text nor an object with ``path``, ``url``, ``bytes`` or ``data``.
    """
    if isinstance(value, str):
        return value.removeprefix("file://")
    if isinstance(value, dict):
        for field in ("bytes", "data"):
            if isinstance(value.get(field), str) and value[field]:
                return f"data:image/any;base64,{value[field]}"
        for field in ("url", "path", "image"):
            if isinstance(value.get(field), str) and value[field]:
                return picture(value[field], place)
    expected = "string, or object with path, url or bytes"
    raise BadRecord(Rejection(WRONG_TYPE, place, json_type(value), expected))


def worse_answers(value: Any, place: str) -> list[str]:
    """The rejected answers of a record: a text, a message, or a list of them.

    Raises:
        BadRecord: It is none of these.
    """
    if value is None or value == "":
        return []
    if isinstance(value, list):
        parts = [worse_answers(item, f"{place}[{number}]") for number, item in enumerate(value)]
        return [answer for part in parts for answer in part]
    if isinstance(value, dict):
        for field in ("value", "content"):
            if field in value:
                return [_said(value[field], f"{place}.{field}")]
    return [_text(value, place)]


def undesired(said: list[Utterance], worse: list[str]) -> tuple[list[Utterance], list[str]]:
    """A conversation whose last answer is not to be learnt, as KTO has it: it is a worse one."""
    if not said or said[-1].role != "assistant":
        return said, worse
    text = "".join(p if isinstance(p, str) else p.token for p in said[-1].content)
    return said[:-1], [*worse, text]


def solved(said: list[Utterance], members: Mapping[str, Any]) -> list[Utterance]:
    """A conversation that ends with a question, and its solution that stands beside it.

    Reinforcement learning keeps them so: ms-swift and TRL as ``solution``, verl as
    ``reward_model.ground_truth``.
    """
    if not said or said[-1].role != "user":
        return said
    for path in SOLUTIONS:
        value = look_up(members, path)
        if is_scalar(value) and not is_nothing(value):
            text = as_text(Value(join_path(path), value), "string or number")
            return [*said, Utterance("assistant", [text], said[-1].place)]
    return said


def last_turn(rejected: Any) -> Any:
    """Of a whole rejected conversation only the last message is the worse answer."""
    whole = isinstance(rejected, list) and rejected and isinstance(rejected[-1], dict)
    return rejected[-1] if whole else rejected


def _said(value: Any, place: str) -> str:
    """The text of what a message says, marks included."""
    pieces = content(value, place)
    return "".join(piece if isinstance(piece, str) else piece.token for piece in pieces)
