"""The demo network: a small convolutional net with depthwise-separable blocks, 2.75 million MAC a digit."""

import torch
from torch import Tensor, nn

STEM, MIDDLE, TOP = 16, 48, 96


class SeparableBlock(nn.Module):
    """Depthwise 3x3, pointwise 1x1, each with BatchNormalization; a residual Add where the widths agree."""

    def __init__(self, channels_in: int, channels_out: int):
        super().__init__()
        self.depthwise = nn.Conv2d(channels_in, channels_in, 3, padding=1, groups=channels_in, bias=False)
        self.bn_depthwise = nn.BatchNorm2d(channels_in)
        self.pointwise = nn.Conv2d(channels_in, channels_out, 1, bias=False)
        self.bn_pointwise = nn.BatchNorm2d(channels_out)
        self.residual = channels_in == channels_out

    def forward(self, x: Tensor) -> Tensor:
        y = torch.relu(self.bn_depthwise(self.depthwise(x)))
        y = self.bn_pointwise(self.pointwise(y))
        return torch.relu(y + x if self.residual else y)


class DigitNet(nn.Module):
    """[N,1,28,28] pixels in 0..1 to [N,10] logits, by nine weight layers."""

    def __init__(self):
        super().__init__()
        self.conv1 = nn.Conv2d(1, STEM, 3, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(STEM)
        self.conv2 = nn.Conv2d(STEM, MIDDLE, 3, stride=2, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(MIDDLE)
        self.block3 = SeparableBlock(MIDDLE, MIDDLE)
        self.pool = nn.MaxPool2d(2)
        self.block4 = SeparableBlock(MIDDLE, TOP)
        self.block5 = SeparableBlock(TOP, TOP)
        self.fc = nn.Linear(TOP, 10)

    def forward(self, x: Tensor) -> Tensor:
        x = torch.relu(self.bn1(self.conv1(x)))
        x = torch.relu(self.bn2(self.conv2(x)))
        x = self.pool(self.block3(x))
        x = self.block5(self.block4(x))
        return self.fc(x.mean(dim=(2, 3)))
