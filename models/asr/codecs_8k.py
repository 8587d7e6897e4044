"""Telephone and file codecs applied to 8 kHz speech, in memory, by PyAV; the result is aligned with its input."""

from __future__ import annotations

import io

import av
import numpy as np
import numpy.typing as npt

Pcm = npt.NDArray[np.int16]
# name: (container, encoder, bit rate in bit/s); 8 kHz mono each
CODECS = {
    "opus": ("ogg", "libopus", 16000),
    "mp3": ("mp3", "libmp3lame", 24000),
    "amr": ("amr", "libopencore_amrnb", 12200),
    "g726": ("wav", "g726", 32000),
    "alaw": ("wav", "pcm_alaw", 64000),
    "ulaw": ("wav", "pcm_mulaw", 64000),
}


def encode(pcm: Pcm, codec: str, rate_hz: int = 8000, bit_rate: int | None = None) -> bytes:
    """Encode mono (n,) or stereo (n, 2) int16 ``pcm`` as a file of the codec's usual container."""
    container, name, default_rate = CODECS[codec]
    out = io.BytesIO()
    samples = pcm.reshape(len(pcm), -1)
    layout = "mono" if samples.shape[1] == 1 else "stereo"
    with av.open(out, "w", format=container) as file:
        stream = file.add_stream(name, rate=rate_hz, layout=layout)
        stream.bit_rate = bit_rate or default_rate
        resampler = av.AudioResampler(
            format=stream.codec_context.format or "s16", layout=layout, rate=rate_hz, frame_size=stream.codec_context.frame_size or 160
        )
        frame = av.AudioFrame.from_ndarray(np.ascontiguousarray(samples.reshape(1, -1)), format="s16", layout=layout)
        frame.sample_rate, frame.pts = rate_hz, 0
        for converted in [*resampler.resample(frame), *resampler.resample(None)]:
            file.mux(stream.encode(converted))
        file.mux(stream.encode(None))
    return out.getvalue()


def through(pcm: Pcm, codec: str) -> Pcm:
    """Mono 8 kHz ``pcm`` after encoding and decoding, shifted to line up with the input, at its length."""
    with av.open(io.BytesIO(encode(pcm, codec))) as file:
        resampler = av.AudioResampler(format="s16", layout="mono", rate=8000)
        parts = [f.to_ndarray()[0] for frame in file.decode(audio=0) for f in resampler.resample(frame)]
        parts += [f.to_ndarray()[0] for f in resampler.resample(None)]
    heard = np.concatenate(parts) if parts else np.zeros(0, np.int16)
    size = 1 << int(np.ceil(np.log2(max(len(pcm), len(heard)) + 2048)))
    product = np.fft.rfft(heard, size) * np.conj(np.fft.rfft(pcm, size))
    lags = np.fft.irfft(product, size)
    lag = int(np.argmax(np.concatenate([lags[-400:], lags[:1200]]))) - 400
    shifted = heard[lag:] if lag >= 0 else np.concatenate([np.zeros(-lag, np.int16), heard])
    return np.pad(shifted[: len(pcm)], (0, max(0, len(pcm) - len(shifted))))
