"""Train the speaker embedding: a small ResNet, additive angular margin over the people of the bank.

    OMP_WAIT_POLICY=PASSIVE python models/diarization/train_embedding.py --bank DATA/bank --out DATA/embedding --minutes 45

Writes ``last.pt`` every few minutes; ``--resume`` goes on from one.  Minutes are CPU time of the training process alone.
"""

from __future__ import annotations

import argparse
import itertools

import nets
import numpy as np
import torch
import torch.nn.functional as F
import training
from chunks import Voices
from persons import Bank
from torch import nn
from torch.utils.data import DataLoader

_SCALE = 30.0


class Margin(nn.Module):
    """AAM-softmax (ArcFace, Deng et al. 2019): cos(angle + margin) for the right person."""

    def __init__(self, people: int, size: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.randn(people, size) * 0.1)

    def forward(self, x: torch.Tensor, person: torch.Tensor, margin: float) -> tuple[torch.Tensor, float]:
        """Loss, and the share of embeddings nearest to their own person."""
        cosine = F.normalize(x) @ F.normalize(self.weight).T
        own = cosine.gather(1, person[:, None]).clamp(-1 + 1e-6, 1 - 1e-6)
        with_margin = torch.cos(torch.acos(own) + margin)
        scores = cosine.scatter(1, person[:, None], torch.where(own > np.cos(np.pi - margin), with_margin, own - margin * np.sin(margin)))
        right = (cosine.argmax(1) == person).float().mean().item()
        return F.cross_entropy(scores * _SCALE, person, label_smoothing=0.02), right


def pooled(frames: torch.Tensor, weights: torch.Tensor) -> torch.Tensor:
    """pyannote's statistics pooling, (n, 2, features), with a floor: its gradient is not a number where a feature is constant."""
    x = frames.flatten(1, 2)[:, None]
    w = F.interpolate(weights, size=frames.shape[-1], mode="nearest")[:, :, None]
    total = w.sum(-1) + 1e-8
    mean = (x * w).sum(-1) / total
    variance = ((x - mean[..., None]).square() * w).sum(-1) / (total - w.square().sum(-1) / total + 1e-8)
    return torch.cat([mean, (variance + 1e-6).sqrt()], -1)


def embed(model: nets.SmallResNet, b: dict[str, torch.Tensor]) -> tuple[torch.Tensor, torch.Tensor]:
    """Embeddings of the voices of a batch and whose they are."""
    with torch.no_grad():
        features = model.compute_fbank(b["audio"])
    with torch.autocast("cpu", torch.bfloat16, enabled=model.training):
        frames = model.resnet.forward_frames(features)
    x = model.resnet.seg_1(pooled(frames.float(), b["weights"]))
    known = b["person"] >= 0
    return x[known], b["person"][known]


@torch.no_grad()
def equal_error_rate(model: nets.SmallResNet, batches: list[dict[str, torch.Tensor]]) -> float:
    """Of all pairs of voices of the same length of crop: where misses and false alarms are as many."""
    same, other = [], []
    for b in batches:
        x, who = embed(model, b)
        x = F.normalize(x)
        score, equal = (x @ x.T).numpy(), (who[:, None] == who[None]).numpy()
        upper = np.triu(np.ones_like(equal), 1).astype(bool)
        same.append(score[upper & equal])
        other.append(score[upper & ~equal])
    hits, alarms = np.sort(np.concatenate(same)), np.sort(np.concatenate(other))
    grid = np.quantile(hits, np.linspace(0, 1, 1001))
    misses = np.searchsorted(hits, grid) / len(hits)
    false = 1 - np.searchsorted(alarms, grid) / len(alarms)
    return float(np.min(np.maximum(misses, false)))


def main() -> None:
    parser = training.parser(__doc__)
    parser.add_argument("--margin", type=float, default=0.2, help="of the angle, in radians; reached half-way")
    parser.add_argument("--channels", type=int, default=16)
    args = parser.parse_args()
    human = training.begin(args)
    model = nets.embedding(args.channels).to(memory_format=torch.channels_last)
    margin = Margin(1 + int(Bank(args.bank / "train", human).classes.max()), nets.TRAINED_SIZE)
    if args.resume:
        saved = torch.load(args.resume, map_location="cpu")
        model.load_state_dict(saved["model"])
        if saved["margin"]["weight"].shape == margin.weight.shape:
            margin.load_state_dict(saved["margin"])
    optimiser = torch.optim.AdamW([*model.parameters(), *margin.parameters()], args.rate, weight_decay=2e-2)
    check = list(itertools.islice(Voices(args.bank / "validation", None, 99), 30))
    batches = DataLoader(Voices(args.bank / "train", human, args.seed), None, num_workers=1)
    train(model, margin, optimiser, batches, check, args)


def train(
    model: nets.SmallResNet,
    margin: Margin,
    optimiser: torch.optim.Optimizer,
    batches: DataLoader[dict[str, torch.Tensor]],
    check: list[dict[str, torch.Tensor]],
    args: argparse.Namespace,
) -> None:
    average, running, right, step = nets.Average(model), 8.0, 0.0, None

    def keep(number: int, done: float) -> None:
        saved = {"model": average.model.state_dict(), "margin": margin.state_dict(), "channels": args.channels, "step": number}
        training.keep(args.out, saved)
        rate = equal_error_rate(average.model, check)  # type: ignore[arg-type]
        minutes = done * args.minutes
        print(f"{minutes:.0f} min, step {number}: loss {running:.2f}, right {right:.2f}, validation EER {rate:.3f}", flush=True)

    model.train()
    for step in training.steps(batches, optimiser, args, least=0.01):
        x, person = embed(model, step.batch)
        loss, hit = margin(x, person, args.margin * min(1.0, step.done / 0.5))
        training.descend(loss, model, optimiser, most=5.0)
        average.update(model)
        running += 0.02 * (loss.item() - running)
        right += 0.02 * (hit - right)
        if step.keep:
            keep(step.number, step.done)
    keep(step.number if step else 0, 1.0)


if __name__ == "__main__":
    main()
