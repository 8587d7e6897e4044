"""Fit what follows the networks: the PLDA of the embeddings, and the thresholds of both engines' clustering.

    python models/diarization/backend.py --bank DATA/bank --out models/diarization-demo

The PLDA comes from the people of the training, the thresholds from conversations of people whose voices no training has heard.
Writes plda/, config.yaml (a pipeline of pyannote; the key `sherpa_onnx` is for the other engine) and SHA256SUMS.  What `linking.py` has
written into config.yaml stays; it holds for the networks that it was found with, so after a training that step comes again.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import config_file
import engines
import numpy as np
import scipy.linalg
import scored
import spread
import torch
from pyannote.audio import Model
from spread import SIZE, Matrix, People

STEP = 0.25  # of the 10 s window
_COLLAR_S = 0.25


def _unit(x: Matrix) -> Matrix:
    return np.asarray(x / np.linalg.norm(x, axis=-1, keepdims=True))


def fit_plda(x: Matrix, who: People, folder: Path, size: int = SIZE) -> None:
    """LDA to ``size`` dimensions and a two-covariance PLDA, in the files of pyannote (its VBx came with them)."""
    folder.mkdir(parents=True, exist_ok=True)
    mean1 = x.mean(0)
    y = np.sqrt(x.shape[1]) * _unit(x - mean1)
    lda, _between = spread.discriminant(y, who, size)
    y = y @ lda
    mean2 = y.mean(0)
    y = np.sqrt(size) * _unit(y - mean2)
    within, between = spread.scatter(y, who)
    psi, vectors = scipy.linalg.eigh(between, within)
    order = np.argsort(-psi)
    np.savez_compressed(
        folder / "xvec_transform.npz", mean1=mean1.astype(np.float32), mean2=mean2.astype(np.float32), lda=lda.astype(np.float32)
    )
    np.savez_compressed(
        folder / "plda.npz", mu=y.mean(0).astype(np.float32), tr=vectors[:, order].T.astype(np.float32), psi=psi[order].astype(np.float32)
    )


def config(clustering: str, parameters: dict[str, object], threshold: float) -> dict[str, object]:
    """What config.yaml says of both engines; a key of another step of the recipe is none of them."""
    parts = {
        "segmentation": "$model/segmentation",
        "segmentation_step": STEP,
        "segmentation_batch_size": 8,
        "embedding": "$model/embedding",
        "embedding_exclude_overlap": True,
        "embedding_batch_size": 9,
        "plda": "$model/plda",
        "clustering": clustering,
    }
    return {
        "dependencies": {"pyannote.audio": "4.0.0"},
        "pipeline": {"name": "pyannote.audio.pipelines.SpeakerDiarization", "params": parts},
        "params": {"segmentation": {"min_duration_off": 0.0}, "clustering": parameters},
        "sherpa_onnx": {"window_shift_ratio": STEP, "threshold": threshold, "min_duration_on": 0.0, "min_duration_off": 0.0},
    }


def candidates() -> list[tuple[str, dict[str, object]]]:
    found: list[tuple[str, dict[str, object]]] = []
    for method in ("average", "centroid"):
        for threshold in np.arange(0.1, 1.05, 0.1):
            found += [
                ("AgglomerativeClustering", {"method": method, "min_cluster_size": size, "threshold": round(float(threshold), 2)})
                for size in (2, 4)
            ]
    for threshold in (0.6, 0.8):
        found += [("VBxClustering", {"threshold": threshold, "Fa": a, "Fb": b}) for a in (0.07, 0.3) for b in (0.8, 8.0)]
    return found


def tune(folder: Path, calls: list[scored.Call]) -> dict[str, object]:
    """The best of the candidates on ``calls`` for both engines, as :func:`config` has it."""
    best: tuple[float, str, dict[str, object]] = (9.0, "", {})
    kept = engines.Kept(folder)
    for clustering, parameters in candidates():
        heard = [kept.diarise(call, clustering, parameters) for call in calls]
        rate = scored.rates(calls, heard, _COLLAR_S)["der"]
        print(f"{clustering} {parameters}: {rate:.4f}", flush=True)
        best = min(best, (rate, clustering, parameters), key=lambda b: b[0])
    print("best", best)
    found = []
    for threshold in (0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0, 1.2):
        engine = engines.sherpa(folder, STEP, threshold)
        found.append((scored.rates(calls, [engine(call) for call in calls], _COLLAR_S)["der"], threshold))
        print(f"sherpa-onnx {threshold}: {found[-1][0]:.4f}", flush=True)
    return config(best[1], best[2], min(found)[1])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--bank", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--batches", type=int, default=300, help="of training voices, for the PLDA")
    parser.add_argument("--calls", type=int, default=24, help="conversations of validation voices, for the thresholds")
    args = parser.parse_args()
    torch.set_num_threads(1)
    model = Model.from_pretrained(args.out, subfolder="embedding")
    fit_plda(*spread.voices(model, args.bank, args.batches), args.out / "plda")
    config_file.update(args.out, config("AgglomerativeClustering", {"method": "average", "min_cluster_size": 2, "threshold": 0.7}, 0.7))
    config_file.update(args.out, tune(args.out, scored.synthetic(args.bank / "validation", args.calls, 11)))
    print(sum(p.stat().st_size for p in args.out.rglob("*") if p.is_file()) / 2**20, "MiB")


if __name__ == "__main__":
    main()
