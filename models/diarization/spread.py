"""How the embeddings of people spread: within a person, between persons, and a last layer that makes the most of it."""

from __future__ import annotations

import itertools
from pathlib import Path

import nets
import numpy as np
import numpy.typing as npt
import scipy.linalg
import torch
from chunks import Voices
from train_embedding import embed

Matrix = npt.NDArray[np.float64]
People = npt.NDArray[np.int64]
SIZE = 64
_RIDGE = 1e-3


def voices(model: nets.SmallResNet, bank: Path, batches: int) -> tuple[Matrix, People]:
    """Embeddings of training voices and whose they are."""
    human = bank / "human" if (bank / "human").is_dir() else None
    with torch.no_grad():
        found = [embed(model.eval(), b) for b in itertools.islice(Voices(bank / "train", human, 7), batches)]
    return torch.cat([x for x, _ in found]).double().numpy(), torch.cat([p for _, p in found]).numpy()


def scatter(x: Matrix, who: People) -> tuple[Matrix, Matrix]:
    """Covariance within people and between them, for people heard at least three times."""
    within, n, means = np.zeros((x.shape[1],) * 2), 0, []
    for person in np.unique(who):
        own = x[who == person]
        if len(own) >= 3:
            means.append(own.mean(0))
            within += (own - means[-1]).T @ (own - means[-1])
            n += len(own) - 1
    centred = np.array(means) - np.mean(means, axis=0)
    return within / n, centred.T @ centred / len(means)


def discriminant(x: Matrix, who: People, size: int = SIZE) -> tuple[Matrix, Matrix]:
    """The directions (dimension, size) that tell people apart best, whitened within people, and the spread between them along each."""
    within, between = scatter(x, who)
    ridge = _RIDGE * np.trace(within) / len(within) * np.eye(len(within))
    values, vectors = scipy.linalg.eigh(between, within + ridge)
    return vectors[:, ::-1][:, :size], values[::-1][:size]


def folded(model: nets.SmallResNet, x: Matrix, who: People) -> nets.SmallResNet:
    """``model`` with centring and discriminant analysis in its last layer, so that plain cosines compare people in either engine.

    A direction counts by how much of it is the person: spread between people over all spread.
    """
    directions, between = discriminant(x, who)
    turned = torch.from_numpy(directions * np.sqrt(between / (1 + between))).float()
    new = nets.embedding(model.hparams.m_channels, SIZE)
    weights = {k: v for k, v in model.state_dict().items() if not k.startswith("resnet.seg_1")}
    old = model.resnet.seg_1
    weights["resnet.seg_1.weight"] = turned.T @ old.weight.detach()
    weights["resnet.seg_1.bias"] = turned.T @ (old.bias.detach() - torch.from_numpy(x.mean(0)).float())
    new.load_state_dict(weights)
    return new.eval()
