"""Convert a checkpoint to the CTranslate2 form that faster-whisper loads.

    python models/asr/export.py --checkpoint DIR/last.pt --out models/asr-demo

Writes model.bin (8-bit weights), config.json, vocabulary.json, tokenizer.json, preprocessor_config.json and
SHA256SUMS.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

import numpy as np
import torch
import vocabulary
from ctranslate2.specs import whisper_spec
from ctranslate2.specs.model_spec import LayerSpec
from net import N_FFT, Attention, Block, Whisper, shape_of
from torch import Tensor, nn

sys.path.insert(0, str(Path(__file__).parents[2]))

from qa.model_files import write_hashes


def _array(t: Tensor) -> np.ndarray:  # type: ignore[type-arg]
    return t.detach().float().numpy()


def _linear(spec: LayerSpec, *layers: nn.Linear) -> None:
    """One linear layer, or several fused along the output (a missing bias is zero)."""
    spec.weight = np.concatenate([_array(x.weight) for x in layers])
    spec.bias = np.concatenate([_array(x.bias) if x.bias is not None else np.zeros(x.out_features, np.float32) for x in layers])


def _norm(spec: LayerSpec, norm: nn.LayerNorm) -> None:
    spec.gamma, spec.beta = _array(norm.weight), _array(norm.bias)


def _self_attention(spec: LayerSpec, a: Attention, norm: nn.LayerNorm) -> None:
    _linear(spec.linear[0], a.q, a.k, a.v)
    _linear(spec.linear[1], a.out)
    _norm(spec.layer_norm, norm)


def _block(spec: LayerSpec, block: Block) -> None:
    _self_attention(spec.self_attention, block.attn, block.attn_norm)
    if block.cross is not None:
        _linear(spec.attention.linear[0], block.cross.q)
        _linear(spec.attention.linear[1], block.cross.k, block.cross.v)
        _linear(spec.attention.linear[2], block.cross.out)
        _norm(spec.attention.layer_norm, block.cross_norm)
    _linear(spec.ffn.linear_0, block.mlp_in)
    _linear(spec.ffn.linear_1, block.mlp_out)
    _norm(spec.ffn.layer_norm, block.mlp_norm)


def build(model: Whisper) -> whisper_spec.WhisperSpec:
    shape = model.shape
    spec = whisper_spec.WhisperSpec(shape.encoder_layers, shape.heads, shape.decoder_layers, shape.heads)
    for s, conv in ((spec.encoder.conv1, model.encoder.conv1), (spec.encoder.conv2, model.encoder.conv2)):
        s.weight, s.bias = _array(conv.weight), _array(conv.bias)
    spec.encoder.position_encodings.encodings = _array(model.encoder.positions)
    _norm(spec.encoder.layer_norm, model.encoder.norm)
    spec.decoder.embeddings.weight = _array(model.decoder.embedding.weight)
    spec.decoder.position_encodings.encodings = _array(model.decoder.positions)
    _norm(spec.decoder.layer_norm, model.decoder.norm)
    spec.decoder.projection.weight = _array(model.decoder.embedding.weight)
    spec.decoder.scale_embeddings = False
    for s, b in zip([*spec.encoder.layer, *spec.decoder.layer], [*model.encoder.blocks, *model.decoder.blocks], strict=True):
        _block(s, b)
    ids = vocabulary.ids()
    spec.register_vocabulary(list(vocabulary.tokens()))
    spec.config.suppress_ids = []
    spec.config.suppress_ids_begin = [ids[" "], ids["<|endoftext|>"]]
    spec.config.lang_ids = [ids["<|zh|>"]]
    # Heads 0 and 1 of every decoder layer were guided to the character's frames; the last layer is the sharpest.
    spec.config.alignment_heads = [(shape.decoder_layers - 1, 0), (shape.decoder_layers - 1, 1)]
    return spec


def export(checkpoint: Path, out: Path) -> None:
    saved = torch.load(checkpoint, map_location="cpu")
    model = Whisper(shape_of(saved["shape"]))
    model.load_state_dict(saved["model"])
    out.mkdir(parents=True, exist_ok=True)
    spec = build(model)
    spec.validate()
    spec.optimize(quantization="int8_float16")
    spec.save(str(out))
    (out / "tokenizer.json").write_text(vocabulary.tokenizer_json(), "utf-8")
    (out / "preprocessor_config.json").write_text(
        json.dumps(
            {
                "feature_extractor_type": "WhisperFeatureExtractor",
                "feature_size": model.shape.mels,
                "sampling_rate": 16000,
                "hop_length": 320,
                "chunk_length": 30,
                "n_fft": N_FFT,
            }
        ),
        "utf-8",
    )
    write_hashes(out)
    print(out, f"step {saved['step']},", sum(p.stat().st_size for p in out.iterdir()), "bytes")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--checkpoint", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    args = parser.parse_args()
    export(args.checkpoint, args.out)


if __name__ == "__main__":
    main()
