"""The other side of ``benchmarks/alpha_models.py``: the GATs network of pyqlib, in its own environment.

Reads one JSON request a line, answers with one JSON line. Imports nothing of ours.
"""

from __future__ import annotations

import json
import sys
import warnings
from pathlib import Path
from time import process_time

warnings.filterwarnings("ignore")

import numpy as np  # noqa: E402
import qlib  # noqa: E402
import torch  # noqa: E402
from qlib.contrib.model.pytorch_gats_ts import GATModel  # noqa: E402

torch.set_num_threads(1)
MODELS: dict[tuple[int, int], GATModel] = {}


def memory(name: str) -> float:
    """MB of this process: ``VmRSS`` now, ``VmHWM`` at most since the mark was reset."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith(name):
            return int(line.split()[1]) / 1024
    return float("nan")


def step(model: GATModel, x: torch.Tensor) -> torch.Tensor:
    """Forward and backward on one day."""
    model.zero_grad(set_to_none=True)
    scores = model(x)
    scores.square().mean().backward()
    return scores.detach()


def gats(request: dict) -> dict:
    """CPU seconds of a step, and how much memory it takes on top."""
    n, steps, features, hidden = (request[k] for k in ("stocks", "steps", "features", "hidden"))
    model = MODELS.setdefault(
        (features, hidden),
        GATModel(d_feat=features, hidden_size=hidden, num_layers=2, base_model="GRU"),
    )
    x = torch.randn(n, steps, features)
    Path("/proc/self/clear_refs").write_text("5")
    before = memory("VmRSS")
    began = process_time()
    step(model, x)
    return {"cpu": process_time() - began, "mb": memory("VmHWM") - before}


def scores(request: dict) -> dict:
    """Scores and the gradient of the recurrent input weights, with the weights of a file."""
    with np.load(request["file"]) as saved:
        weights = {k: torch.from_numpy(v) for k, v in saved.items() if k != "x"}
        x = torch.from_numpy(saved["x"])
    model = GATModel(
        d_feat=x.shape[2], hidden_size=weights["fc.weight"].shape[0], num_layers=2, base_model="GRU"
    )
    model.load_state_dict(weights)
    found = step(model, x)
    slope = model.rnn.weight_ih_l0.grad
    np.savez(request["out"], scores=found.numpy(), slope=slope.numpy())
    return {}


def main() -> None:
    """Answer requests from standard input until it ends."""
    sys.stdout.write(json.dumps({"version": qlib.__version__}) + "\n")
    sys.stdout.flush()
    for line in sys.stdin:
        request = json.loads(line)
        answer = {"gats": gats, "scores": scores}[request["work"]](request)
        sys.stdout.write(json.dumps(answer) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
