"""Draws docs/demo.svg, the picture in the README, from the run that tools/demo.sh leaves behind. Standard library only.

    python3 docs/demo_picture.py [RUN] > docs/demo.svg
"""
import base64
import csv
import gzip
import pathlib
import struct
import sys
import zlib

run = pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else "runs/demo-fashion-mnist")
pictures = gzip.open("/usr/share/datasets/fashion-mnist/t10k-images-idx3-ubyte.gz").read()[16:]
predictions = list(csv.DictReader((run / "predictions_test.csv").open()))
classes = list(predictions[0])[3:]
metrics = list(csv.DictReader((run / "metrics.csv").open()))


def png(i):
    rows = b"".join(b"\0" + pictures[784 * i + 28 * r:784 * i + 28 * (r + 1)] for r in range(28))

    def chunk(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    data = (b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", struct.pack(">IIBBBBB", 28, 28, 8, 0, 0, 0, 0))
            + chunk(b"IDAT", zlib.compress(rows, 9)) + chunk(b"IEND", b""))
    return base64.b64encode(data).decode()


def text(x, y, words, size=12, anchor="start", fill="#222", weight="normal"):
    words = words.replace("&", "&amp;").replace("<", "&lt;")
    return f'<text x="{x:.1f}" y="{y:.1f}" font-size="{size}" text-anchor="{anchor}" fill="{fill}" font-weight="{weight}">{words}</text>'


out = ['<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 960 520" font-family="Helvetica, Arial, sans-serif">',
       '<rect width="960" height="520" fill="white"/>']

# The first test pictures, and two that went wrong, with what the network says.
wrong = [i for i, row in enumerate(predictions) if max(classes, key=lambda c: float(row[c])) != row["label"]]
chosen = [i for i in range(len(predictions)) if i not in wrong][:10] + wrong[:2]
out.append(text(20, 28, "Test pictures and what the network says", 15, weight="bold"))
for n, i in enumerate(chosen):
    row = predictions[i]
    best = max(classes, key=lambda c: float(row[c]))
    x, y = 20 + 78 * n, 42
    out.append(f'<image x="{x}" y="{y}" width="66" height="66" href="data:image/png;base64,{png(i)}"/>')
    good = best == row["label"]
    out.append(text(x + 33, y + 81, best, 10.5, "middle", "#16774a" if good else "#b3261e"))
    out.append(text(x + 33, y + 95, f"{100 * float(row[best]):.1f} %", 10, "middle", "#555"))
    if not good:
        out.append(text(x + 33, y + 108, f"is: {row['label']}", 10, "middle", "#555"))

# Training loss by step, validation accuracy by epoch.
loss = [(int(r["step"]), float(r["value"])) for r in metrics if r["metric"] == "step_loss"]
accuracy = [(int(r["step"]), float(r["value"])) for r in metrics if r["split"] == "val" and r["metric"] == "accuracy"]
left, top, width, height = 60, 205, 330, 255
last = max(s for s, _ in loss + accuracy)
high = max(1.0, max(v for _, v in loss))
out.append(text(20, 185, "Training loss (line), validation accuracy (points)", 14, weight="bold"))
for k in range(5):
    y = top + height * k / 4
    out.append(f'<line x1="{left}" x2="{left + width}" y1="{y}" y2="{y}" stroke="#ddd"/>')
    out.append(text(left - 6, y + 4, f"{high * (1 - k / 4):.2f}", 10, "end", "#2457a6"))
points = " ".join(f"{left + width * s / last:.1f},{top + height * (1 - v / high):.1f}" for s, v in loss)
out.append(f'<polyline points="{points}" fill="none" stroke="#2457a6" stroke-width="1.6"/>')
for s, v in accuracy:
    x, y = left + width * s / last, top + height * (1 - v / high)
    out.append(f'<circle cx="{x:.1f}" cy="{y:.1f}" r="4" fill="#c2570c"/>')
    out.append(text(x - 6, y + 18, f"{100 * v:.1f} %", 11, "end", "#c2570c"))
out.append(text(left + width / 2, top + height + 32, f"step (of {last})", 11, "middle"))

# AUC a class with its interval.
rows = [(r["class"], float(r["value"]), float(r["ci_lo"]), float(r["ci_hi"])) for r in metrics
        if r["split"] == "final_test" and r["metric"] == "auc" and r["class"]]
left, top, width = 560, 205, 360
low = min(r[2] for r in rows) - 0.005
out.append(text(470, 185, "Area under the ROC curve on 10,000 test pictures", 14, weight="bold"))
for n, (name, value, lo, hi) in enumerate(rows):
    y = top + 27 * n + 10
    place = lambda v: left + width * (v - low) / (1 - low)
    out.append(f'<line x1="{left}" x2="{left + width}" y1="{y}" y2="{y}" stroke="#eee"/>')
    out.append(f'<line x1="{place(lo):.1f}" x2="{place(hi):.1f}" y1="{y}" y2="{y}" stroke="#2457a6" stroke-width="3"/>')
    out.append(f'<circle cx="{place(value):.1f}" cy="{y}" r="4.5" fill="#2457a6"/>')
    out.append(text(left - 8, y + 4, name, 11.5, "end"))
for k in range(3):
    v = low + (1 - low) * k / 2
    out.append(text(left + width * k / 2, top + 27 * len(rows) + 18, f"{v:.3f}", 10, "middle", "#555"))
out.append("</svg>")
print("\n".join(out))
