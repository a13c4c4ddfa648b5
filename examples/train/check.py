"""Scores the demo network with onnxruntime on the test digits: as it is, and plainly rounded to 2..8 bits.

    pip install numpy onnx onnxruntime
    python check.py [--data FOLDER] [--model FILE]

An independent, deliberately naive experiment, to see that low bit widths hurt this network. Two grids, each
spanning the +-max|w| of an output channel, nothing fitted: `midtread` has 2^k - 1 levels, one of them zero;
`midrise` has 2^k levels and no zero.
"""

import argparse
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
from onnx import numpy_helper

from mnist import DEFAULT_FOLDER, read_digits

DEMO_MODEL = Path(__file__).resolve().parents[1] / "demo" / "digits.onnx"


def midtread(weight: np.ndarray, bits: int) -> np.ndarray:
    peak = np.abs(weight).max(axis=tuple(range(1, weight.ndim)), keepdims=True)
    step = peak / (2 ** (bits - 1) - 1)
    return (np.round(weight / step) * step).astype(np.float32)


def midrise(weight: np.ndarray, bits: int) -> np.ndarray:
    half = 2 ** (bits - 1)
    peak = np.abs(weight).max(axis=tuple(range(1, weight.ndim)), keepdims=True)
    step = peak / (half - 0.5)
    index = np.minimum(np.floor(np.abs(weight) / step), half - 1)
    return (np.where(weight < 0, -1, 1) * (index + 0.5) * step).astype(np.float32)


def rounded(model: onnx.ModelProto, grid, bits: int) -> onnx.ModelProto:
    """Copy of `model` with every kernel and matrix rounded; BatchNormalization and biases stay."""
    copy = onnx.ModelProto()
    copy.CopyFrom(model)
    for tensor in copy.graph.initializer:
        if len(tensor.dims) > 1:
            weight = grid(numpy_helper.to_array(tensor), bits)
            tensor.CopyFrom(numpy_helper.from_array(weight, tensor.name))
    return copy


def top1(model: onnx.ModelProto, images: np.ndarray, labels: np.ndarray) -> float:
    """Share of right digits in percent, batches of 1000."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 2
    session = onnxruntime.InferenceSession(
        model.SerializeToString(), options, providers=["CPUExecutionProvider"]
    )
    x = images.astype(np.float32)[:, np.newaxis] / np.float32(255)
    logits = [session.run(["logits"], {"input": x[i : i + 1000]})[0] for i in range(0, len(x), 1000)]
    return 100 * float((np.concatenate(logits).argmax(axis=1) == labels).mean())


def main() -> None:
    arguments = argparse.ArgumentParser(description="Scores the demo network with onnxruntime.")
    arguments.add_argument("--data", type=Path, default=DEFAULT_FOLDER, help="folder with the IDX files")
    arguments.add_argument("--model", type=Path, default=DEMO_MODEL)
    options = arguments.parse_args()

    model = onnx.load(options.model)
    images, labels = read_digits(options.data, "t10k")
    print(f"float32  {top1(model, images, labels):.2f} % of {len(labels):,} digits")
    print("bits  midtread  midrise")
    for bits in range(2, 9):
        scores = [top1(rounded(model, grid, bits), images, labels) for grid in (midtread, midrise)]
        print(f"{bits:4d}  {scores[0]:8.2f}  {scores[1]:7.2f}")


if __name__ == "__main__":
    main()
