"""Train the bundled speech model for a fixed time.

    OMP_WAIT_POLICY=PASSIVE python models/asr/train.py --shards DIR --human DIR --out DIR --minutes 100

Loss = decoder cross-entropy + 0.3 x syllable heads (initial, final, tone a frame) + 0.15 x guided attention (minus the
log of the cross-attention mass on the frames of the character that is being written) + 0.2 x pitch (half semitones a
frame).  The learning rate follows the clock: a warm-up, then a cosine to zero at the end of the time; the last part
mixes in whole 60 s windows, because the stock faster-whisper class always pads to 3,000 frames.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import time
from pathlib import Path

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # numpy in the loader must not spin beside torch

import data
import torch
import torch.nn.functional as F
from net import Shape, Whisper, grown, shape_of
from torch import Tensor
from torch.utils.data import DataLoader


def losses(model: Whisper, batch: dict[str, Tensor]) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """(decoder, syllable, attention, pitch) losses of a batch."""
    memory, early = model.encoder(batch["mel"])
    voiced = batch["pitch"] >= 0  # a batch of silence has none
    pitch = F.cross_entropy(model.pitch(early)[voiced].float(), batch["pitch"][voiced], reduction="sum") / max(1, int(voiced.sum()))
    heads = torch.stack(
        [F.cross_entropy(head(memory).flatten(0, 1).float(), batch["classes"][..., k].flatten()) for k, head in enumerate(model.heads)]
    ).sum()
    states, maps = model.decoder(batch["inputs"], memory)
    wanted = batch["targets"] >= 0
    decoder = F.cross_entropy(model.scores(states[wanted]).float(), batch["targets"][wanted])
    span = batch["span"]
    position = torch.arange(memory.shape[1])
    inside = (position >= span[..., :1] - 1) & (position <= span[..., 1:])  # (B, T, S)
    known = span[..., 0] >= 0
    guided = torch.zeros(())
    if known.any():
        guided = torch.stack([-torch.log((m[:, :2].mean(1) * inside).sum(-1)[known] + 1e-4).mean() for m in maps]).mean()
    return decoder, heads, guided, pitch


def rate_at(progress: float, step: int, peak: float, warmup: int) -> float:
    return peak * min(1.0, step / warmup) * (0.5 + 0.5 * math.cos(math.pi * min(1.0, progress)))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--shards", type=Path, required=True)
    parser.add_argument("--human", type=Path)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--minutes", type=float, default=100)
    parser.add_argument("--seconds", type=float, default=190, help="audio a batch")
    parser.add_argument("--peak", type=float, default=1.2e-3)
    parser.add_argument("--warmup", type=int, default=300, help="steps")
    parser.add_argument("--human-share", type=float, default=0.12)
    parser.add_argument("--whole", type=float, default=0.45, help="share of windows whose sentences are not cut")
    parser.add_argument("--long-from", type=float, default=0.85, help="share of the time after which 60 s windows are mixed in")
    parser.add_argument("--resume", type=Path, help="a checkpoint, of this shape or of one that can grow into it")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--threads", type=int, default=2)
    args = parser.parse_args()
    torch.manual_seed(args.seed)
    torch.set_num_threads(args.threads)
    args.out.mkdir(parents=True, exist_ok=True)
    (args.shards / "LONG").unlink(missing_ok=True)
    model = Whisper(Shape())
    if args.resume:
        saved = torch.load(args.resume)
        model.load_state_dict(grown(saved["model"], shape_of(saved["shape"]), model.shape))
    decay = [p for p in model.parameters() if p.dim() > 1]
    rest = [p for p in model.parameters() if p.dim() <= 1]
    optimizer = torch.optim.AdamW(
        [{"params": decay, "weight_decay": 0.02}, {"params": rest, "weight_decay": 0.0}], lr=0.0, betas=(0.9, 0.98)
    )
    if args.resume and saved["model"].keys() == model.state_dict().keys():
        optimizer.load_state_dict(saved["optimizer"])
    windows = data.Windows(args.shards, args.human, args.seconds, args.seed, args.human_share, args.whole)
    loader = DataLoader(windows, batch_size=None, num_workers=1, prefetch_factor=6)
    run(model, optimizer, iter(loader), args)


def run(model: Whisper, optimizer: torch.optim.Optimizer, batches: object, args: argparse.Namespace) -> None:
    begun = saved = time.time()
    mean, step, heard_s, waited = torch.zeros(4), 0, 0.0, 0.0
    while (progress := (time.time() - begun) / 60 / args.minutes) < 1:
        if progress > args.long_from:
            (args.shards / "LONG").write_text("0.3")
        asked = time.time()
        batch = next(batches)  # type: ignore[call-overload]
        waited += time.time() - asked
        step += 1
        for group in optimizer.param_groups:
            group["lr"] = rate_at(progress, step, args.peak, args.warmup)
        with torch.autocast("cpu", torch.bfloat16):
            decoder, heads, guided, pitch = losses(model, batch)
        loss = decoder + 0.3 * heads + 0.15 * guided + 0.2 * pitch
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        heard_s += batch["mel"].shape[0] * batch["mel"].shape[2] * 0.02
        mean += torch.stack([decoder, heads, guided, pitch]).detach()
        if step % 50 == 0:
            d, h, g, p = (mean / 50).tolist()
            print(
                json.dumps(
                    {
                        "step": step,
                        "minutes": round((time.time() - begun) / 60, 1),
                        "decoder": round(d, 3),
                        "syllable": round(h, 3),
                        "attention": round(g, 3),
                        "pitch": round(p, 3),
                        "hours": round(heard_s / 3600, 1),
                        "waited_s": round(waited, 1),
                    }
                ),
                flush=True,
            )
            mean, waited = torch.zeros(4), 0.0
        if time.time() - saved > 180:
            save(model, optimizer, args.out, step)
            saved = time.time()
    save(model, optimizer, args.out, step)


def save(model: Whisper, optimizer: torch.optim.Optimizer, out: Path, step: int) -> None:
    torch.save(
        {"model": model.state_dict(), "shape": model.shape.asdict(), "step": step, "optimizer": optimizer.state_dict()}, out / "tmp.pt"
    )
    (out / "tmp.pt").rename(out / "last.pt")


if __name__ == "__main__":
    main()
