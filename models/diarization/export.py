"""Write the two networks in both engines' forms: checkpoints for pyannote.audio, ONNX with sherpa-onnx's metadata.

    python models/diarization/export.py --segmentation DATA/segmentation/last.pt --embedding DATA/embedding/last.pt \\
        --bank DATA/bank --out models/diarization-demo

The embedding's last layer is turned by what it does with the people of the training (`spread.py`).  The ONNX files come from
the checkpoints as written (16-bit weights), so both engines compute the same.  Clustering, its PLDA and thresholds follow (`backend.py`).
"""

from __future__ import annotations

import argparse
from pathlib import Path

import nets
import numpy as np
import onnx
import onnxruntime
import spread
import torch
from onnx import TensorProto, helper, numpy_helper
from pyannote.audio import Model
from torch import nn

_OPSET = 17
_BATCHES = 150  # of training voices, for the turning of the last layer
_HALVED_FROM = 256  # smaller constants stay as they are


class _FromFeatures(nn.Module):
    """The embedding behind its features: sherpa-onnx computes them itself."""

    def __init__(self, model: nets.SmallResNet) -> None:
        super().__init__()
        self.resnet, self.bands = model.resnet, model.from_sherpa

    def forward(self, feats: torch.Tensor) -> torch.Tensor:
        embedded: torch.Tensor = self.resnet(self.bands(feats))[1]
        return embedded


def to_onnx(
    model: nn.Module,
    example: torch.Tensor,
    path: Path,
    names: tuple[str, str],
    axes: dict[str, dict[int, str]],
    metadata: dict[str, object],
) -> None:
    """Export ``model`` with 16-bit weights (widened again when the file is loaded) and ``metadata``."""
    torch.onnx.export(
        model, (example,), str(path), opset_version=_OPSET, input_names=[names[0]], output_names=[names[1]], dynamic_axes=axes, dynamo=False
    )
    graph = onnx.load(path)
    casts = []
    for tensor in list(graph.graph.initializer):
        if tensor.data_type == TensorProto.FLOAT and np.prod(tensor.dims) > _HALVED_FROM:
            half = numpy_helper.from_array(numpy_helper.to_array(tensor).astype(np.float16), tensor.name + "_half")
            casts.append(helper.make_node("Cast", [half.name], [tensor.name], to=TensorProto.FLOAT))
            graph.graph.initializer.remove(tensor)
            graph.graph.initializer.append(half)
    for at, cast in enumerate(casts):
        graph.graph.node.insert(at, cast)
    del graph.metadata_props[:]
    for key, value in metadata.items():
        graph.metadata_props.add(key=key, value=str(value))
    onnx.checker.check_model(graph)
    onnx.save(graph, path)


def segmentation_metadata(model: Model) -> dict[str, object]:
    """What sherpa-onnx must be told; a missing entry ends the process that loads the file."""
    s, field, rate = model.specifications, model.receptive_field, nets.SAMPLE_RATE_HZ
    return {
        "num_speakers": len(s.classes),
        "powerset_max_classes": s.powerset_max_classes,
        "num_classes": model.dimension,
        "sample_rate": rate,
        "window_size": round(s.duration * rate),
        "receptive_field_size": round(field.duration * rate),
        "receptive_field_shift": round(field.step * rate),
        "model_type": "pyannote-segmentation-3.0",
        "version": 1,
    }


def embedding_metadata(model: Model) -> dict[str, object]:
    return {
        "framework": "wespeaker",
        "language": "Chinese",
        "url": "",
        "comment": "",
        "sample_rate": nets.SAMPLE_RATE_HZ,
        "output_dim": model.dimension,
        "normalize_samples": 0,
        "feature_normalize_type": "global-mean",
    }


def write_checkpoints(segmentation: Path, embedding: Path, bank: Path, out: Path) -> None:
    saved = torch.load(segmentation, map_location="cpu")
    network = nets.segmentation(saved["hidden"])
    network.load_state_dict(saved["model"])
    nets.save_pretrained(network.eval(), out / "segmentation" / "pytorch_model.bin")
    saved = torch.load(embedding, map_location="cpu")
    voice = nets.embedding(saved["channels"])
    voice.load_state_dict(saved["model"])
    voice = spread.folded(voice, *spread.voices(voice, bank, _BATCHES))
    nets.save_pretrained(voice, out / "embedding" / "pytorch_model.bin")


def write_onnx(out: Path) -> None:
    """From the checkpoints in ``out``; prints how far the two forms are apart."""
    network = Model.from_pretrained(out, subfolder="segmentation").eval()
    voice = Model.from_pretrained(out, subfolder="embedding").eval()
    audio = torch.randn(1, 1, round(nets.CHUNK_S * nets.SAMPLE_RATE_HZ)) * 0.1
    to_onnx(
        network,
        audio,
        out / "segmentation.onnx",
        ("x", "y"),
        {"x": {0: "N", 2: "T"}, "y": {0: "N", 1: "T"}},
        segmentation_metadata(network),
    )
    features = super(nets.SmallResNet, voice).compute_fbank(audio[..., :48000])
    to_onnx(
        _FromFeatures(voice).eval(),
        features.clone(),
        out / "embedding.onnx",
        ("feats", "embs"),
        {"feats": {0: "B", 1: "T"}, "embs": {0: "B"}},
        embedding_metadata(voice),
    )
    with torch.no_grad():
        for name, x, y in (("segmentation", audio, network(audio)), ("embedding", features, voice(audio[..., :48000]))):
            session = onnxruntime.InferenceSession(out / f"{name}.onnx", providers=["CPUExecutionProvider"])
            heard = session.run(None, {session.get_inputs()[0].name: x.numpy()})[0]
            print(name, "differs by", float(np.abs(heard - y.numpy()).max()), "between torch and ONNX")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--segmentation", type=Path, required=True)
    parser.add_argument("--embedding", type=Path, required=True)
    parser.add_argument("--bank", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    args = parser.parse_args()
    torch.set_num_threads(1)
    write_checkpoints(args.segmentation, args.embedding, args.bank, args.out)
    write_onnx(args.out)


if __name__ == "__main__":
    main()
