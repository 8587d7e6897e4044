"""The small speaker embedding of the bundled diarisation models, as a class that pyannote's own loader can find by name.

Only pyannote's loader and the recipe in `models/diarization` import this file: it needs the extra `qa[diarization]`, and
torchaudio must be importable before.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any

import torch
import torchaudio.compliance.kaldi as kaldi
from pyannote.audio.models.embedding.wespeaker import BaseWeSpeakerResNet
from pyannote.audio.models.embedding.wespeaker.resnet import BasicBlock, ResNet

_TELEPHONE_BANDS = 56
"""Of the 80 mel bands up to 7.6 kHz, those below 3,470 Hz: a telephone carries nothing above but the resampler's traces."""


class SmallResNet(BaseWeSpeakerResNet):  # type: ignore[misc]
    """WeSpeaker's ResNet with few channels; its features are those of sherpa-onnx, so that one network serves both engines.

    Features are fixed by sherpa-onnx's extractor: Povey window, edges mirrored, 20-7,600 Hz at 16 kHz, mean over the input
    taken off.  ``layers`` are the basic blocks of the four stages, ``m_channels`` the channels of the first.
    """

    def __init__(
        self,
        sample_rate: int = 16000,
        num_channels: int = 1,
        num_mel_bins: int = 80,
        m_channels: int = 16,
        layers: Sequence[int] = (2, 2, 2, 2),
        embed_dim: int = 128,
        task: Any = None,
    ) -> None:
        super().__init__(
            sample_rate=sample_rate, num_channels=num_channels, num_mel_bins=num_mel_bins, window_type="povey", snip_edges=False, task=task
        )
        self.save_hyperparameters("m_channels", "layers", "embed_dim")
        self._fbank = partial(
            kaldi.fbank,
            num_mel_bins=num_mel_bins,
            frame_length=25.0,
            frame_shift=10.0,
            snip_edges=False,
            dither=0.0,
            sample_frequency=sample_rate,
            window_type="povey",
            low_freq=20.0,
            high_freq=-400.0,
        )
        self.resnet = ResNet(
            BasicBlock, list(layers), m_channels=m_channels, feat_dim=_TELEPHONE_BANDS, embed_dim=embed_dim, two_emb_layer=False
        )

    def compute_fbank(self, waveforms: torch.Tensor) -> torch.Tensor:
        """Features, (n, frames, bands), as the base class says, without the bands above the telephone's."""
        return self.from_sherpa(super().compute_fbank(waveforms))

    @staticmethod
    def from_sherpa(features: torch.Tensor) -> torch.Tensor:
        """The bands that the network hears of sherpa-onnx's 80."""
        return features[..., :_TELEPHONE_BANDS]

    def forward(self, waveforms: torch.Tensor, weights: torch.Tensor | None = None) -> torch.Tensor:
        """As the base class says; rows with the same audio as the row before go through the network once.

        pyannote's pipeline repeats a chunk for each of its local speakers, with other weights: only the pooling differs.
        """
        if weights is None or weights.dim() != 2 or len(waveforms) < 2:
            embedded: torch.Tensor = super().forward(waveforms, weights)
            return embedded
        new = torch.tensor([True] + [not torch.equal(a, b) for a, b in zip(waveforms[1:], waveforms[:-1], strict=True)])
        frames = self.forward_frames(waveforms[new])
        pooled: torch.Tensor = self.forward_embedding(frames[new.long().cumsum(0) - 1], weights=weights)
        return pooled
