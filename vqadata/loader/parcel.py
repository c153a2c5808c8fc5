"""A batch of rows on its way from a worker process: pixels in shared memory, all else pickled."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import torch

    from vqadata.loader.row_reader import Row


class Parcel:
    """Rows that arrive in another process as a list of rows.

    The pixels of all pictures
    lie in one tensor in shared memory, into which they are copied once; what arrives are arrays
    that look at it.
    """

    def __init__(self, rows: list[Row]) -> None:
        """Keep the rows."""
        self._rows = rows

    def __reduce__(self) -> Any:
        """Put the pixels apart; rows that share their list of pictures still do."""
        lists = {id(row.get("images")): row.get("images") for row in self._rows}
        pixels = [image for images in lists.values() for image in images or () if image is not None]
        if not pixels:
            return list, (self._rows,)
        numbers = {id(image): number for number, image in enumerate(pixels)}
        bare = {
            key: [None if image is None else numbers[id(image)] for image in images or ()]
            for key, images in lists.items()
        }
        rows = [row | {"images": bare[id(row["images"])]} for row in self._rows]
        return _opened, (rows, _shared(pixels), [image.shape for image in pixels])


def _shared(pixels: list[Any]) -> torch.Tensor:
    """All pixels one after the other in one tensor of shared memory."""
    import numpy as np
    import torch

    size = sum(image.size for image in pixels)
    storage = torch.UntypedStorage._new_shared(size)  # type: ignore[no-untyped-call]
    shared = torch.empty(0, dtype=torch.uint8).set_(storage)
    np.concatenate([image.reshape(-1) for image in pixels], out=shared.numpy())
    return shared


def _opened(rows: list[Row], pixels: torch.Tensor, shapes: list[tuple[int, ...]]) -> list[Row]:
    import numpy as np

    flat, arrays, start = pixels.numpy(), [], 0
    for shape in shapes:
        size = int(np.prod(shape))
        arrays.append(flat[start : start + size].reshape(shape))
        start += size
    lists: dict[int, list[Any]] = {}
    for row in rows:
        numbers = row["images"]
        if id(numbers) not in lists:
            lists[id(numbers)] = [None if n is None else arrays[n] for n in numbers]
        row["images"] = lists[id(numbers)]
    return rows
