"""Stands in for `distillgate.local.training`: does what the first answer in the training file says."""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path

folder = Path(sys.argv[1])
spec = json.loads((folder / "spec.json").read_text())
order = json.loads(Path(spec["training_file"]).read_text().splitlines()[0])["messages"][-1]["content"]

with (folder / "events.jsonl").open("a") as events:
    for step in (1, 2):
        report = {"step": step, "total_steps": 2, "epoch": 1, "train_loss": 1 / step, "learning_rate": 1e-4}
        events.write(json.dumps(report) + "\n")
        events.flush()
if order == "fail":
    (folder / "error.json").write_text(json.dumps({"message": "line 1 is too long for the model"}))
    sys.exit(1)
if order == "crash":
    sys.exit("out of memory")
if order == "hang":
    time.sleep(60)
if order == "slow":
    time.sleep(1)
Path(spec["output"]).write_bytes(json.dumps(spec).encode())
result = {"trained_tokens": 1234, "steps": 2, "final_loss": 0.5, "seconds": 1.0, "precision": "fp32"}
(folder / "result.json").write_text(json.dumps(result))
