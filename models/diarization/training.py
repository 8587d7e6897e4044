"""What both trainings have in common: the command line, the start, how the time passes, a step downhill, checkpoints."""

from __future__ import annotations

import argparse
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Generic, TypeVar

import torch
from torch import nn

_WARM_STEPS = 100
_KEEP_MINUTES = 3.0
_KEEP_STEPS = 25  # a multiple of them, for the loss that is told to be of as many steps
Batch = TypeVar("Batch")


def parser(about: str | None) -> argparse.ArgumentParser:
    """The options that both have; a training adds its own ones."""
    made = argparse.ArgumentParser(description=about, formatter_class=argparse.RawDescriptionHelpFormatter)
    made.add_argument("--bank", type=Path, required=True, help="folder with train/, validation/ and perhaps human/")
    made.add_argument("--out", type=Path, required=True)
    made.add_argument("--minutes", type=float, default=45)
    made.add_argument("--rate", type=float, default=2e-3)
    made.add_argument("--resume", type=Path)
    made.add_argument("--seed", type=int, default=1)
    return made


def begin(args: argparse.Namespace) -> Path | None:
    """Make the folder, set threads and seed; the answer is where the recorded words of people lie, if they do."""
    args.out.mkdir(parents=True, exist_ok=True)
    torch.set_num_threads(1)  # a second process makes the conversations
    torch.manual_seed(args.seed)
    human: Path = args.bank / "human"
    return human if human.is_dir() else None


@dataclass(frozen=True)
class Step(Generic[Batch]):
    """``number`` from 1 on; ``done``: the share of the time that has passed, 0 to 1; ``keep``: a checkpoint is due after this step."""

    number: int
    done: float
    batch: Batch
    keep: bool


def steps(batches: Iterable[Batch], optimiser: torch.optim.Optimizer, args: argparse.Namespace, least: float) -> Iterator[Step[Batch]]:
    """Batches until ``args.minutes`` of this process's CPU time have passed.

    The learning rate rises to ``args.rate`` over the first steps and falls with the time to ``least`` of it.
    """
    begun, kept = time.process_time(), 0.0
    for number, batch in enumerate(batches, 1):
        done = (time.process_time() - begun) / 60 / args.minutes
        if done >= 1:
            return
        for group in optimiser.param_groups:
            group["lr"] = args.rate * min(1.0, number / _WARM_STEPS) * max(least, 1 - done)
        keep = number % _KEEP_STEPS == 0 and (done - kept) * args.minutes > _KEEP_MINUTES
        kept = done if keep else kept
        yield Step(number, done, batch, keep)


def descend(loss: torch.Tensor, model: nn.Module, optimiser: torch.optim.Optimizer, most: float) -> None:
    """One step; the gradients of ``model`` together are no longer than ``most``."""
    optimiser.zero_grad()
    loss.backward()
    torch.nn.utils.clip_grad_norm_(model.parameters(), most)
    optimiser.step()


def keep(out: Path, checkpoint: dict[str, Any]) -> None:
    """Write ``last.pt``, whole or not at all: other steps of the recipe read it while the training goes on."""
    torch.save(checkpoint, out / "last.tmp")
    (out / "last.tmp").replace(out / "last.pt")
