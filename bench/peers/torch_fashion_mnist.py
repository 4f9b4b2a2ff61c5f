"""The training of tools/demo.sh in PyTorch: same network, data, split size, epochs, schedule; prints JSON.

    python3 bench/peers/torch_fashion_mnist.py --seed 42 --layout channels-last

All pictures lie in memory as float tensors before the clock starts, so no loader slows PyTorch down; the clock stops after
the last epoch's validation and the test.
"""
import argparse
import gzip
import json
import math
import pathlib
import resource
import time

import torch
from torch.nn.functional import cross_entropy, pad

from networks import cbr, he_normal

parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
parser.add_argument("--data", type=pathlib.Path, default="/usr/share/datasets/fashion-mnist", help="folder of the IDX files")
parser.add_argument("--config", type=pathlib.Path, default=pathlib.Path(__file__).parents[2] / "tools/demo.json")
parser.add_argument("--seed", type=int, default=42)
parser.add_argument("--layout", choices=["nchw", "channels-last"], default="channels-last")
arguments = parser.parse_args()
config = json.loads(arguments.config.read_text())
torch.manual_seed(arguments.seed)


def read(stem):
    path = next(p for p in (arguments.data / stem, arguments.data / f"{stem}.gz") if p.exists())
    raw = (gzip.open if path.suffix == ".gz" else open)(path, "rb").read()
    rank = raw[3]
    shape = [int.from_bytes(raw[4 + 4 * i:8 + 4 * i], "big") for i in range(rank)]
    return torch.frombuffer(bytearray(raw[4 + 4 * rank:]), dtype=torch.uint8).reshape(shape)


def pictures(stem):
    return pad(read(stem).unsqueeze(1).float() / 255, [config["pad"]] * 4)


images, labels = pictures("train-images-idx3-ubyte"), read("train-labels-idx1-ubyte").long()
test_images, test_labels = pictures("t10k-images-idx3-ubyte"), read("t10k-labels-idx1-ubyte").long()
order = torch.randperm(len(images))
train, validation = order[len(images) // 10:], order[:len(images) // 10]
mean, std = images[train].mean(), images[train].std()
images, test_images = (images - mean) / std, (test_images - mean) / std

model = he_normal(cbr(config["model"], 10, 1))
if arguments.layout == "channels-last":
    model = model.to(memory_format=torch.channels_last)
decayed = [p for p in model.parameters() if p.dim() > 1]
plain = [p for p in model.parameters() if p.dim() == 1]
optimizer = torch.optim.SGD([{"params": decayed, "weight_decay": config["weight-decay"]}, {"params": plain, "weight_decay": 0}],
                            lr=config["lr"], momentum=config["momentum"])
batch = config["batch-size"]
steps_an_epoch = len(train) // batch


def rate(epochs):
    warmup = config["warmup-epochs"]
    if epochs < warmup:
        return config["lr"] * (0.01 + 0.99 * epochs / warmup)
    return config["lr"] * 0.5 * (1 + math.cos(math.pi * (epochs - warmup) / (config["epochs"] - warmup)))


def accuracy(x, y):
    model.eval()
    with torch.inference_mode():
        right = sum((model(x[i:i + batch]).argmax(1) == y[i:i + batch]).sum().item() for i in range(0, len(x), batch))
    return right / len(x)


start = time.perf_counter()
for epoch in range(config["epochs"]):
    model.train()
    shuffled = train[torch.randperm(len(train))]
    for step in range(steps_an_epoch):
        chosen = shuffled[step * batch:(step + 1) * batch]
        for group in optimizer.param_groups:
            group["lr"] = rate(epoch + step / steps_an_epoch)
        optimizer.zero_grad(set_to_none=True)
        x = images[chosen]
        if arguments.layout == "channels-last":
            x = x.contiguous(memory_format=torch.channels_last)
        cross_entropy(model(x), labels[chosen]).backward()
        optimizer.step()
    validated = accuracy(images[validation], labels[validation])
tested = accuracy(test_images, test_labels)
print(json.dumps({"torch": torch.__version__, "layout": arguments.layout, "seed": arguments.seed, "accuracy": tested,
                  "validation_accuracy": validated, "seconds": time.perf_counter() - start,
                  "peak_bytes": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024}))
