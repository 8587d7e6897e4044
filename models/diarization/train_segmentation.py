"""Train the segmentation: pyannote's PyanNet, powerset, on synthetic conversations.

    OMP_WAIT_POLICY=PASSIVE python models/diarization/train_segmentation.py --bank DATA/bank --out DATA/segmentation --minutes 45

Writes ``last.pt`` every few minutes; ``--resume`` goes on from one.  Minutes are CPU time of the training process alone.
"""

from __future__ import annotations

import argparse
import itertools
import time
from pathlib import Path

import nets
import torch
import torch.nn.functional as F
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
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--bank", type=Path, required=True, help="folder with train/, validation/ and perhaps human/")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--minutes", type=float, default=45)
    parser.add_argument("--rate", type=float, default=2e-3)
    parser.add_argument("--batch", type=int, default=32)
    parser.add_argument("--hidden", type=int, default=128)
    parser.add_argument("--resume", type=Path)
    parser.add_argument("--seed", type=int, default=1)
    args = parser.parse_args()
    args.out.mkdir(parents=True, exist_ok=True)
    torch.set_num_threads(1)
    torch.manual_seed(args.seed)
    human = args.bank / "human" if (args.bank / "human").is_dir() else None
    model = nets.segmentation(args.hidden)
    if args.resume:
        model.load_state_dict(torch.load(args.resume, map_location="cpu")["model"])
    average = nets.Average(model)
    optimiser = torch.optim.AdamW([p for p in model.parameters() if p.requires_grad], args.rate, weight_decay=1e-3)
    check = list(itertools.islice(Segments(args.bank / "validation", None, 24, 99), 4))
    train(
        model, average, optimiser, DataLoader(Segments(args.bank / "train", human, args.batch, args.seed), None, num_workers=1), check, args
    )


def train(
    model: torch.nn.Module,
    average: nets.Average,
    optimiser: torch.optim.Optimizer,
    batches: DataLoader[dict[str, torch.Tensor]],
    check: list[dict[str, torch.Tensor]],
    args: argparse.Namespace,
) -> None:
    begun, noted, running = time.process_time(), 0.0, 2.0
    model.train()
    for step, b in enumerate(batches, 1):
        done = (time.process_time() - begun) / 60 / args.minutes
        if done >= 1:
            break
        for group in optimiser.param_groups:
            group["lr"] = args.rate * min(1.0, step / 100) * max(0.02, 1 - done)
        with torch.autocast("cpu", torch.bfloat16):
            scores = model(b["audio"])
        loss = loss_of(scores.float(), b["truth"])
        optimiser.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimiser.step()
        average.update(model)
        running += 0.02 * (loss.item() - running)
        if step % 25 == 0 and done - noted > 3 / args.minutes:
            noted = done
            torch.save({"model": average.model.state_dict(), "hidden": args.hidden, "step": step}, args.out / "last.tmp")
            (args.out / "last.tmp").rename(args.out / "last.pt")
            print(
                f"{done * args.minutes:.0f} min, step {step}: loss {running:.3f}, validation {error_rate(average.model, check):.3f}",
                flush=True,
            )
    torch.save({"model": average.model.state_dict(), "hidden": args.hidden, "step": step}, args.out / "last.pt")
    print(f"step {step}: validation {error_rate(average.model, check):.3f}", flush=True)


if __name__ == "__main__":
    main()
