"""Train the segmentation: pyannote's PyanNet, powerset, on synthetic conversations.

    OMP_WAIT_POLICY=PASSIVE python models/diarization/train_segmentation.py --bank DATA/bank --out DATA/segmentation --minutes 45

Writes ``last.pt`` every few minutes; ``--resume`` goes on from one.  Minutes are CPU time of the training process alone.
"""

from __future__ import annotations

import argparse
import itertools

import nets
import torch
import torch.nn.functional as F
import training
from chunks import Segments
from pyannote.audio.utils.powerset import Powerset
from torch.utils.data import DataLoader

_POWERSET = Powerset(nets.LOCAL_SPEAKERS, nets.AT_ONCE)
_ORDERS = list(itertools.permutations(range(nets.LOCAL_SPEAKERS)))


def loss_of(scores: torch.Tensor, truth: torch.Tensor) -> torch.Tensor:
    """Mean negative log likelihood of the best order of the speakers; ``scores`` (n, frames, 7) and ``truth`` (n, frames, 3)."""
    classes = torch.stack([_POWERSET.to_powerset(truth[..., order]).argmax(-1) for order in _ORDERS])
    each = torch.stack([F.nll_loss(scores.transpose(1, 2), c, reduction="none").mean(1) for c in classes])
    return each.min(0).values.mean()


@torch.no_grad()
def error_rate(model: torch.nn.Module, batches: list[dict[str, torch.Tensor]]) -> float:
    """Wrong speaker-frames over spoken ones within the chunks, best order of speakers (a diarisation error rate, collar 0)."""
    wrong = spoken = 0.0
    for b in batches:
        heard, truth = _POWERSET.to_multilabel(model(b["audio"])), b["truth"]
        errors = [torch.maximum(heard.sum(-1), truth.sum(-1)) - torch.minimum(heard, truth[..., order]).sum(-1) for order in _ORDERS]
        wrong += torch.stack([e.sum(1) for e in errors]).min(0).values.sum().item()
        spoken += truth.sum().item()
    return wrong / spoken


def main() -> None:
    parser = training.parser(__doc__)
    parser.add_argument("--batch", type=int, default=32)
    parser.add_argument("--hidden", type=int, default=128)
    args = parser.parse_args()
    human = training.begin(args)
    model = nets.segmentation(args.hidden)
    if args.resume:
        model.load_state_dict(torch.load(args.resume, map_location="cpu")["model"])
    optimiser = torch.optim.AdamW([p for p in model.parameters() if p.requires_grad], args.rate, weight_decay=1e-3)
    check = list(itertools.islice(Segments(args.bank / "validation", None, 24, 99), 4))
    batches = DataLoader(Segments(args.bank / "train", human, args.batch, args.seed), None, num_workers=1)
    train(model, optimiser, batches, check, args)


def train(
    model: torch.nn.Module,
    optimiser: torch.optim.Optimizer,
    batches: DataLoader[dict[str, torch.Tensor]],
    check: list[dict[str, torch.Tensor]],
    args: argparse.Namespace,
) -> None:
    average, running, step = nets.Average(model), 2.0, None

    def keep(number: int, done: float) -> None:
        training.keep(args.out, {"model": average.model.state_dict(), "hidden": args.hidden, "step": number})
        rate = error_rate(average.model, check)
        print(f"{done * args.minutes:.0f} min, step {number}: loss {running:.3f}, validation {rate:.3f}", flush=True)

    model.train()
    for step in training.steps(batches, optimiser, args, least=0.02):
        with torch.autocast("cpu", torch.bfloat16):
            scores = model(step.batch["audio"])
        loss = loss_of(scores.float(), step.batch["truth"])
        training.descend(loss, model, optimiser, most=1.0)
        average.update(model)
        running += 0.02 * (loss.item() - running)
        if step.keep:
            keep(step.number, step.done)
    keep(step.number if step else 0, 1.0)


if __name__ == "__main__":
    main()
