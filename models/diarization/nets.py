"""The two networks, and checkpoints that pyannote's `Model.from_pretrained` loads."""

# ruff: noqa: E402 - what pyannote needs must be set before it is imported
from __future__ import annotations

import copy
import os
import sys
import warnings
from pathlib import Path

os.environ["HF_HUB_OFFLINE"] = "1"  # a folder that is not there is no name on the hub
warnings.simplefilter("ignore")
sys.path.insert(0, str(Path(__file__).parents[2]))

from qa.diarization import pyannote_engine

pyannote_engine.library()

import lightning
import numpy as np
import torch
from pyannote.audio import Model
from pyannote.audio.core.task import Problem, Resolution, Specifications
from pyannote.audio.models.segmentation import PyanNet
from torch import nn

from qa.diarization_nets import SmallResNet

SAMPLE_RATE_HZ = 16000
CHUNK_S = 10.0
LOCAL_SPEAKERS, AT_ONCE = 3, 2
TRAINED_SIZE = 128  # of the embedding; what is shipped has fewer dimensions (`spread.py`)


def segmentation(hidden: int = 128) -> PyanNet:
    """pyannote's PyanNet: 10 s chunks, three speakers a chunk, two at once."""
    model = PyanNet(lstm={"hidden_size": hidden, "num_layers": 2, "bidirectional": True}, linear={"hidden_size": 64, "num_layers": 2})
    model.specifications = Specifications(
        problem=Problem.MONO_LABEL_CLASSIFICATION,
        resolution=Resolution.FRAME,
        duration=CHUNK_S,
        powerset_max_classes=AT_ONCE,
        classes=[f"speaker#{i + 1}" for i in range(LOCAL_SPEAKERS)],
        permutation_invariant=True,
    )
    model.build()
    _telephone_filters(model)
    return model


def _telephone_filters(model: PyanNet) -> None:
    """Lay SincNet's 40 bands over 80-3,800 Hz and freeze them: half of the training's time is the gradient of these two numbers a band."""
    bank = model.sincnet.conv1d[0].filterbank
    edges = bank.to_hz(np.linspace(bank.to_mel(80.0), bank.to_mel(3800.0), bank.n_filters // 2 + 1))
    with torch.no_grad():
        bank.low_hz_.copy_(torch.from_numpy(edges[:-1] - bank.min_low_hz).view(-1, 1))
        bank.band_hz_.copy_(torch.from_numpy(np.maximum(np.diff(edges) - bank.min_band_hz, 1.0)).view(-1, 1))
    for p in [*bank.parameters(), *model.sincnet.wav_norm1d.parameters()]:
        p.requires_grad_(False)


def embedding(channels: int = 16, size: int = TRAINED_SIZE) -> SmallResNet:
    """The speaker embedding; ``size`` dimensions."""
    model = SmallResNet(m_channels=channels, layers=(2, 2, 2, 2), embed_dim=size)
    model.specifications = Specifications(problem=Problem.REPRESENTATION, resolution=Resolution.CHUNK, duration=5.0)
    model.build()
    return model


def save_pretrained(model: Model, path: Path) -> None:
    """Write ``model`` as pyannote's loader wants it, weights in 16 bits."""
    path.parent.mkdir(parents=True, exist_ok=True)
    weights = {k: v.half() if v.is_floating_point() else v for k, v in model.state_dict().items()}
    checkpoint = {
        "state_dict": weights,
        "pytorch-lightning_version": lightning.__version__,
        "epoch": 0,
        "global_step": 0,
        "hyper_parameters": dict(model.hparams),
        "hparams_name": "kwargs",
    }
    model.on_save_checkpoint(checkpoint)
    torch.save(checkpoint, path)


class Average:
    """Exponential average of a model's weights: usable at any time of the training."""

    def __init__(self, model: nn.Module, decay: float = 0.999) -> None:
        self.model, self.decay, self.steps = copy.deepcopy(model).eval(), decay, 0

    @torch.no_grad()
    def update(self, model: nn.Module) -> None:
        self.steps += 1
        share = 1 - min(self.decay, (1 + self.steps) / (10 + self.steps))
        for mine, theirs in zip(self.model.state_dict().values(), model.state_dict().values(), strict=True):
            if mine.is_floating_point():
                mine.lerp_(theirs, share)
            else:
                mine.copy_(theirs)
