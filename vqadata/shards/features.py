"""Arrow types as features of Hugging Face ``datasets``, in the forms in which its files carry them.

Format: https://huggingface.co/docs/datasets/about_dataset_features; the schema's metadata key
``huggingface`` holds the features as JSON, a dataset card holds them as YAML.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pyarrow as pa

IMAGE = {"_type": "Image"}


def image_type() -> pa.DataType:
    """The Arrow type of an Image feature."""
    import pyarrow as pa

    return pa.struct([pa.field("bytes", pa.binary()), pa.field("path", pa.string())])


def feature_of(kind: pa.DataType) -> dict[str, Any]:
    """The feature of an Arrow type; a struct of bytes and path is an Image."""
    import pyarrow as pa

    if kind == image_type():
        return IMAGE
    if pa.types.is_list(kind):
        return {"feature": feature_of(kind.value_type), "_type": "List"}
    if pa.types.is_struct(kind):
        return {field.name: feature_of(field.type) for field in kind.fields}
    return {"dtype": _dtype(kind), "_type": "Value"}


def features_metadata(fields: list[pa.Field]) -> dict[str, str]:
    """The metadata of a schema that makes ``datasets`` decode its pictures."""
    features = {field.name: feature_of(field.type) for field in fields}
    return {"huggingface": json.dumps({"info": {"features": features}})}


def card_features(fields: list[pa.Field]) -> list[dict[str, Any]]:
    """The features as a dataset card lists them, ready to be written as YAML."""
    return [{"name": field.name, **_card_feature(field.type)} for field in fields]


def _card_feature(kind: pa.DataType) -> dict[str, Any]:
    import pyarrow as pa

    if kind == image_type():
        return {"dtype": "image"}
    if pa.types.is_struct(kind):
        return {"struct": card_features(kind.fields)}
    if not pa.types.is_list(kind):
        return {"dtype": _dtype(kind)}
    inner = _card_feature(kind.value_type)
    return {"list": next(iter(inner.values())) if set(inner) <= {"dtype", "struct"} else inner}


def _dtype(kind: pa.DataType) -> str:
    import pyarrow as pa

    names = {
        pa.string(): "string",
        pa.int32(): "int32",
        pa.int64(): "int64",
        pa.float64(): "float64",
        pa.bool_(): "bool",
    }
    return names[kind]
