"""Trains the demo network on the 60,000 MNIST training digits and writes it to ../demo/digits.onnx.

    pip install torch numpy onnx
    python train.py [--data FOLDER] [--out FILE] [--epochs N] [--threads N]

Nothing is chosen by the test digits: the network after the last epoch is exported, and scored once.
"""

import argparse
import time
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from export_onnx import export
from mnist import DEFAULT_FOLDER, read_digits
from network import DigitNet

DEMO_MODEL = Path(__file__).resolve().parents[1] / "demo" / "digits.onnx"

SEED = 20
BATCH = 128
PEAK_LEARNING_RATE = 0.2
WEIGHT_DECAY = 5e-4
LABEL_SMOOTHING = 0.05
MAX_SHIFT = 2  # pixels, each way


def to_input(images: np.ndarray) -> Tensor:
    """Pixels [count,28,28] of 0..255 to network input [count,1,28,28] of 0..1 (the preset `unit`)."""
    return torch.from_numpy(images.astype(np.float32) / np.float32(255)).unsqueeze(1)


def shifted(images: Tensor, generator: torch.Generator) -> Tensor:
    """Every image moved by its own whole number of pixels, up to MAX_SHIFT each way; black moves in."""
    count, _, height, width = images.shape
    padded = nn.functional.pad(images, [MAX_SHIFT] * 4)[:, 0]
    dy, dx = torch.randint(0, 2 * MAX_SHIFT + 1, (2, count, 1), generator=generator)
    rows = (dy + torch.arange(height)).unsqueeze(2)
    columns = (dx + torch.arange(width)).unsqueeze(1)
    return padded[torch.arange(count).view(-1, 1, 1), rows, columns].unsqueeze(1)


def parameter_groups(net: nn.Module) -> list[dict]:
    """Weight decay on the weight matrices and kernels alone, not on BatchNormalization or biases."""
    parameters = list(net.parameters())
    return [
        {"params": [p for p in parameters if p.ndim > 1], "weight_decay": WEIGHT_DECAY},
        {"params": [p for p in parameters if p.ndim == 1], "weight_decay": 0.0},
    ]


def train(net: nn.Module, images: Tensor, labels: Tensor, epochs: int) -> None:
    """Nesterov SGD with a one-cycle learning rate over all images, `epochs` times in a new order each."""
    generator = torch.Generator().manual_seed(SEED)
    steps = len(images) // BATCH
    optimizer = torch.optim.SGD(parameter_groups(net), lr=PEAK_LEARNING_RATE, momentum=0.9, nesterov=True)
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimizer, PEAK_LEARNING_RATE, total_steps=steps * epochs, pct_start=0.25, cycle_momentum=False
    )
    loss_of = nn.CrossEntropyLoss(label_smoothing=LABEL_SMOOTHING)
    net.train()
    for epoch in range(1, epochs + 1):
        start, total = time.monotonic(), 0.0
        order = torch.randperm(len(images), generator=generator)
        for step in range(steps):
            batch = order[step * BATCH : (step + 1) * BATCH]
            loss = loss_of(net(shifted(images[batch], generator)), labels[batch])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            schedule.step()
            total += loss.item()
        seconds = time.monotonic() - start
        print(f"epoch {epoch:2d}/{epochs}  mean loss {total / steps:.4f}  {seconds:.0f} s", flush=True)


@torch.inference_mode()
def top1(net: nn.Module, images: Tensor, labels: Tensor) -> float:
    """Share of right digits in percent."""
    net.eval()
    right = sum(int((net(x).argmax(1) == y).sum()) for x, y in zip(images.split(1000), labels.split(1000)))
    return 100 * right / len(images)


def main() -> None:
    arguments = argparse.ArgumentParser(description="Trains the demo network on MNIST and writes it as ONNX.")
    arguments.add_argument("--data", type=Path, default=DEFAULT_FOLDER, help="folder with the four IDX files")
    arguments.add_argument("--out", type=Path, default=DEMO_MODEL)
    arguments.add_argument("--epochs", type=int, default=12)
    arguments.add_argument("--threads", type=int, default=2)
    options = arguments.parse_args()

    torch.manual_seed(SEED)
    torch.set_num_threads(options.threads)
    torch.use_deterministic_algorithms(True)
    start = time.monotonic()
    images, labels = read_digits(options.data, "train")
    net = DigitNet().to(memory_format=torch.channels_last)  # measured: half the time a step
    train(net, to_input(images), torch.from_numpy(labels.astype(np.int64)), options.epochs)
    export(net, options.out)
    images, labels = read_digits(options.data, "t10k")
    score = top1(net, to_input(images), torch.from_numpy(labels.astype(np.int64)))
    print(f"test top-1 {score:.2f} %  {time.monotonic() - start:.0f} s  {options.out.stat().st_size:,} bytes")


if __name__ == "__main__":
    main()
