"""One PyTorch training step, timed: prints JSON with images/s of the median step and the peak memory of the process.

    python3 bench/peers/torch_step.py --model cbr_small --batch 16 --input 3x224x224 --layout channels-last
"""
import argparse
import json
import resource
import statistics
import time

import torch

from networks import NAMES, network

parser = argparse.ArgumentParser(description=__doc__)
parser.add_argument("--model", choices=NAMES, required=True)
parser.add_argument("--classes", type=int, default=5)
parser.add_argument("--batch", type=int, default=16)
parser.add_argument("--input", default="3x224x224")
parser.add_argument("--steps", type=int, default=3)
parser.add_argument("--warmup", type=int, default=1)
parser.add_argument("--threads", type=int, default=0, help="0 = one per core")
parser.add_argument("--layout", choices=["nchw", "channels-last"], default="nchw")
arguments = parser.parse_args()

if arguments.threads:
    torch.set_num_threads(arguments.threads)
torch.manual_seed(42)
channels, height, width = map(int, arguments.input.split("x"))
model = network(arguments.model, arguments.classes, channels)
images = torch.rand(arguments.batch, channels, height, width) * 4 - 2
labels = torch.randint(arguments.classes, (arguments.batch,))
if arguments.layout == "channels-last":
    model, images = model.to(memory_format=torch.channels_last), images.to(memory_format=torch.channels_last)
optimizer = torch.optim.SGD(model.parameters(), lr=1e-3, momentum=0.9, weight_decay=1e-4)


def step():
    optimizer.zero_grad(set_to_none=True)
    loss = torch.nn.functional.cross_entropy(model(images), labels)
    loss.backward()
    optimizer.step()
    return loss.item()


for _ in range(arguments.warmup):
    step()
seconds = []
for _ in range(arguments.steps):
    start = time.perf_counter()
    step()
    seconds.append(time.perf_counter() - start)
print(json.dumps({
    "model": arguments.model, "layout": arguments.layout, "torch": torch.__version__,
    "images_per_second": arguments.batch / statistics.median(seconds), "seconds": seconds,
    "peak_bytes": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024,
}))
