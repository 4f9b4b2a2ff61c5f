"""The networks of the study in PyTorch, as a user would write them: torchvision's ResNet layout without torchvision."""
import torch
from torch import nn

# kernel, channels of the blocks; the first four are followed by a 3x3 max pool of stride 2 (models/cbr.cpp).
CBR = {
    "cbr_larget": (7, (32, 64, 128, 256, 512)),
    "cbr_largew": (7, (64, 128, 256, 512)),
    "cbr_small": (7, (32, 64, 128, 256)),
    "cbr_tiny": (5, (64, 128, 256, 512)),
    "cbr_tiny_1m": (5, (32, 64, 128, 256)),
}


def cbr(name, classes, channels):
    kernel, widths = CBR[name]
    layers = []
    for i, width in enumerate(widths):
        layers += [nn.Conv2d(channels, width, kernel, padding=kernel // 2, bias=False), nn.BatchNorm2d(width), nn.ReLU(True)]
        if i < 4:
            layers.append(nn.MaxPool2d(3, 2))
        channels = width
    return nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(channels, classes))


class Bottleneck(nn.Module):
    def __init__(self, inputs, width, stride):
        super().__init__()
        self.conv1, self.bn1 = nn.Conv2d(inputs, width, 1, bias=False), nn.BatchNorm2d(width)
        self.conv2, self.bn2 = nn.Conv2d(width, width, 3, stride, 1, bias=False), nn.BatchNorm2d(width)
        self.conv3, self.bn3 = nn.Conv2d(width, 4 * width, 1, bias=False), nn.BatchNorm2d(4 * width)
        self.relu = nn.ReLU(inplace=True)
        self.downsample = None
        if stride != 1 or inputs != 4 * width:
            self.downsample = nn.Sequential(nn.Conv2d(inputs, 4 * width, 1, stride, bias=False), nn.BatchNorm2d(4 * width))

    def forward(self, x):
        y = self.relu(self.bn1(self.conv1(x)))
        y = self.relu(self.bn2(self.conv2(y)))
        y = self.bn3(self.conv3(y))
        return self.relu(y + (x if self.downsample is None else self.downsample(x)))


def resnet50(classes, channels):
    layers = [nn.Conv2d(channels, 64, 7, 2, 3, bias=False), nn.BatchNorm2d(64), nn.ReLU(True), nn.MaxPool2d(3, 2, 1)]
    inputs = 64
    for i, (width, count) in enumerate(zip((64, 128, 256, 512), (3, 4, 6, 3))):
        for j in range(count):
            layers.append(Bottleneck(inputs, width, 2 if i and j == 0 else 1))
            inputs = 4 * width
    return nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(inputs, classes))


def he_normal(model):
    """The engine's default initialisation: He normal by fan-out for convolutions, BN 1 and 0."""
    for m in model.modules():
        if isinstance(m, nn.Conv2d):
            nn.init.kaiming_normal_(m.weight, mode="fan_out", nonlinearity="relu")
    return model


def network(name, classes, channels):
    return resnet50(classes, channels) if name == "resnet50" else cbr(name, classes, channels)


NAMES = ["resnet50", *CBR]
