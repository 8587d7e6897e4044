"""The network: Whisper's architecture (Radford et al., 2022) in plain torch, parameter by parameter.

Beside the decoder the encoder carries three small heads (initial, final, tone of the syllable that sounds at a frame):
the synthesiser's marks train them directly, which replaces the long plateau of CTC, and the decoder's cross-attention
is pulled to the frames of the character that it writes, so that words have times.
"""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass, replace
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

# Analysis window in samples at 16 kHz (60 ms).  Whisper's own 25 ms and 80 bands blur the harmonics of a low voice into one
# another: the telephone cuts the fundamental off, and the tone can only be heard from how the harmonics move.
N_FFT = 960
# Classes of the pitch head: half semitones from 50 Hz.  espeak-ng's tones differ by one or two semitones, and no network of this
# size finds that out from the tone labels alone: told the pitch, it hears the tones.
PITCHES = 72


@dataclass(frozen=True)
class Shape:
    d_model: int = 256
    heads: int = 4
    encoder_layers: int = 6
    decoder_layers: int = 4
    mels: int = 128
    vocabulary: int = 5370
    audio_positions: int = 1500
    text_positions: int = 448
    syllable_classes: tuple[int, int, int] = (25, 38, 6)

    def asdict(self) -> dict[str, object]:
        return asdict(self)


def shape_of(table: dict[str, Any]) -> Shape:
    """The shape that a checkpoint was saved with."""
    return Shape(**{**table, "syllable_classes": tuple(table["syllable_classes"])})


def sinusoids(length: int, channels: int) -> Tensor:
    """Whisper's position codes (length, channels)."""
    scale = math.log(10000) / (channels // 2 - 1)
    angle = torch.arange(length)[:, None] * torch.exp(-scale * torch.arange(channels // 2))[None]
    return torch.cat([angle.sin(), angle.cos()], dim=1)


def _attend(q: Tensor, k: Tensor, v: Tensor, causal: bool) -> Tensor:
    """Scaled dot-product attention; on a CPU plain products beat torch's fused kernel below some 500 positions."""
    if q.shape[2] > 500:
        return F.scaled_dot_product_attention(q.float(), k.float(), v.float(), is_causal=causal).to(v.dtype)
    scores = (q * q.shape[-1] ** -0.5) @ k.transpose(2, 3)
    if causal:
        mask = torch.ones(q.shape[2], k.shape[2], dtype=torch.bool).triu(1)
        scores = scores.masked_fill(mask, -1e4)
    return torch.softmax(scores, dim=-1, dtype=scores.dtype) @ v


def _convolve(x: Tensor, conv: nn.Conv1d) -> Tensor:
    """A kernel-3 convolution as one matrix product on (B, T, C): torch's backward of conv1d is slow on a CPU."""
    stride = conv.stride[0]
    frames = F.pad(x, (0, 0, 1, 1)).unfold(1, 3, stride)  # (B, T', C, 3)
    return F.linear(frames.flatten(2), conv.weight.flatten(1), conv.bias)


class Attention(nn.Module):
    def __init__(self, d: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.q, self.v, self.out = nn.Linear(d, d), nn.Linear(d, d), nn.Linear(d, d)
        self.k = nn.Linear(d, d, bias=False)

    def _split(self, x: Tensor) -> Tensor:
        b, t, d = x.shape
        return x.view(b, t, self.heads, d // self.heads).transpose(1, 2)

    def forward(self, x: Tensor, memory: Tensor | None = None, causal: bool = False, weights: bool = False) -> tuple[Tensor, Tensor | None]:
        source = x if memory is None else memory
        q, k, v = self._split(self.q(x)), self._split(self.k(source)), self._split(self.v(source))
        attention = None
        if weights:
            attention = torch.softmax((q @ k.transpose(2, 3)).float() / math.sqrt(q.shape[-1]), dim=-1)
            y = attention.to(v.dtype) @ v
        else:
            y = _attend(q, k, v, causal)
        return self.out(y.transpose(1, 2).flatten(2)), attention


class Block(nn.Module):
    def __init__(self, d: int, heads: int, cross: bool) -> None:
        super().__init__()
        self.attn, self.attn_norm = Attention(d, heads), nn.LayerNorm(d)
        self.cross = Attention(d, heads) if cross else None
        self.cross_norm = nn.LayerNorm(d) if cross else None
        self.mlp_in, self.mlp_out, self.mlp_norm = nn.Linear(d, 4 * d), nn.Linear(4 * d, d), nn.LayerNorm(d)

    def forward(self, x: Tensor, memory: Tensor | None = None) -> tuple[Tensor, Tensor | None]:
        attention = None
        x = x + self.attn(self.attn_norm(x), causal=memory is not None)[0]
        if self.cross is not None and self.cross_norm is not None:
            y, attention = self.cross(self.cross_norm(x), memory, weights=True)
            x = x + y
        return x + self.mlp_out(F.gelu(self.mlp_in(self.mlp_norm(x)))), attention


class Encoder(nn.Module):
    def __init__(self, shape: Shape) -> None:
        super().__init__()
        d = shape.d_model
        self.conv1 = nn.Conv1d(shape.mels, d, 3, padding=1)
        self.conv2 = nn.Conv1d(d, d, 3, stride=2, padding=1)
        self.register_buffer("positions", sinusoids(shape.audio_positions, d))
        self.blocks = nn.ModuleList(Block(d, shape.heads, False) for _ in range(shape.encoder_layers))
        self.norm = nn.LayerNorm(d)

    def forward(self, mel: Tensor) -> tuple[Tensor, Tensor]:
        """States of the last layer, and of the second, from which training reads the pitch."""
        x = F.gelu(_convolve(F.gelu(_convolve(mel.transpose(1, 2), self.conv1)), self.conv2))
        x = x + self.positions[: x.shape[1]]
        for i, block in enumerate(self.blocks):
            x = block(x)[0]
            if i == 1:
                early = x
        return self.norm(x), early


class Decoder(nn.Module):
    def __init__(self, shape: Shape) -> None:
        super().__init__()
        self.embedding = nn.Embedding(shape.vocabulary, shape.d_model)
        nn.init.normal_(self.embedding.weight, std=0.02)
        self.positions = nn.Parameter(torch.randn(shape.text_positions, shape.d_model) * 0.01)
        self.blocks = nn.ModuleList(Block(shape.d_model, shape.heads, True) for _ in range(shape.decoder_layers))
        self.norm = nn.LayerNorm(shape.d_model)

    def forward(self, tokens: Tensor, memory: Tensor) -> tuple[Tensor, list[Tensor]]:
        x = self.embedding(tokens) + self.positions[: tokens.shape[1]]
        maps = []
        for block in self.blocks:
            x, attention = block(x, memory)
            maps.append(attention)
        return self.norm(x), maps


class Whisper(nn.Module):
    """Mel (B, mels, F) and tokens (B, T) to token states (B, T, d), attention maps and syllable scores."""

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        self.shape = shape
        self.encoder, self.decoder = Encoder(shape), Decoder(shape)
        self.heads = nn.ModuleList(nn.Linear(shape.d_model, n) for n in shape.syllable_classes)
        self.pitch = nn.Sequential(nn.LayerNorm(shape.d_model), nn.Linear(shape.d_model, PITCHES))

    def scores(self, states: Tensor) -> Tensor:
        """Token scores of decoder states (…, d)."""
        return states @ self.decoder.embedding.weight.T.to(states.dtype)


def grown(state: dict[str, Tensor], old: Shape, new: Shape) -> dict[str, Tensor]:
    """The parameters ``state`` of a model of shape ``old`` for one of shape ``new``: finer mel bands, more decoder layers.

    Bands are interpolated; each old decoder layer comes after the new ones, whose outputs are zero, so that the grown model
    begins by computing what the old one did.  Raises ValueError for any other difference.
    """
    if replace(old, mels=new.mels, decoder_layers=new.decoder_layers) != new or new.decoder_layers % old.decoder_layers:
        raise ValueError(f"a model of {old} cannot grow into {new}")
    fresh = Whisper(new).state_dict()
    out = {k: v for k, v in fresh.items() if k.startswith("pitch.")}
    out |= {k: v for k, v in state.items() if not k.startswith("decoder.blocks.")}
    if old.mels != new.mels:
        at = (torch.arange(new.mels) + 1) * (old.mels + 1) / (new.mels + 1) - 1
        low = at.floor().clamp(0, old.mels - 2).long()
        part = (at - low)[None, :, None]
        weight = state["encoder.conv1.weight"]
        out["encoder.conv1.weight"] = (weight[:, low] * (1 - part) + weight[:, low + 1] * part) * (old.mels / new.mels)
    step = new.decoder_layers // old.decoder_layers
    for name, value in fresh.items():
        if name.startswith("decoder.blocks."):
            _, _, layer, rest = name.split(".", 3)
            if int(layer) % step == step - 1:
                out[name] = state[f"decoder.blocks.{int(layer) // step}.{rest}"]
            else:
                out[name] = torch.zeros_like(value) if rest.split(".")[-2] in ("out", "mlp_out") else value
    return out
