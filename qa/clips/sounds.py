"""The sound of a clip: kept without loss (FLAC), given out as Opus, WAV or MP3."""

from __future__ import annotations

import io
from dataclasses import dataclass
from typing import IO

import av
import numpy as np
import soundfile

from qa.errors import StoreError
from qa.report_media import encode as encode_opus
from qa.types import Int16Array


@dataclass(frozen=True)
class Format:
    """A format of sound by its name: suffix of files and media type."""

    name: str
    suffix: str
    media_type: str


FORMATS = {f.name: f for f in (Format("opus", "ogg", "audio/ogg"), Format("wav", "wav", "audio/wav"), Format("mp3", "mp3", "audio/mpeg"))}
_MP3_RATES_HZ = (8000, 11025, 12000, 16000, 22050, 24000, 32000, 44100, 48000)
_MP3_BITS_PER_CHANNEL = 32_000


def kept(pcm: Int16Array, rate_hz: int) -> bytes:
    """Samples (samples, channels) as they are kept."""
    out = io.BytesIO()
    soundfile.write(out, pcm, rate_hz, format="FLAC", subtype="PCM_16")
    return out.getvalue()


def samples(sound: bytes) -> tuple[Int16Array, int]:
    """What :func:`kept` made: samples (samples, channels) and their rate."""
    pcm, rate_hz = soundfile.read(io.BytesIO(sound), dtype="int16", always_2d=True)
    return np.asarray(pcm, dtype=np.int16), int(rate_hz)


def encoded(pcm: Int16Array, rate_hz: int, name: str) -> bytes:
    """Samples in one of ``FORMATS``.  Errors: :class:`StoreError` for any other."""
    if name not in FORMATS:
        raise StoreError(name, "没有这种声音格式", f"可选：{'、'.join(FORMATS)}")
    out = io.BytesIO()
    if name == "wav":
        soundfile.write(out, pcm, rate_hz, format="WAV", subtype="PCM_16")
    elif name == "opus":
        encode_opus([pcm], rate_hz, pcm.shape[1], out)
    else:
        _encode_mp3(pcm, rate_hz, out)
    return out.getvalue()


def _encode_mp3(pcm: Int16Array, rate_hz: int, into: IO[bytes]) -> None:
    import soxr

    target = rate_hz if rate_hz in _MP3_RATES_HZ else next((r for r in _MP3_RATES_HZ if r > rate_hz), _MP3_RATES_HZ[-1])
    data = pcm if target == rate_hz else np.asarray(soxr.resample(pcm, rate_hz, target), dtype=np.int16)
    layout = "stereo" if pcm.shape[1] == 2 else "mono"
    with av.open(into, "w", format="mp3", options={"fflags": "+bitexact"}) as container:
        stream = container.add_stream("libmp3lame", rate=target, layout=layout)
        stream.bit_rate = _MP3_BITS_PER_CHANNEL * pcm.shape[1]
        coder = stream.codec_context
        resampler = av.AudioResampler(format=coder.format or "s16p", layout=layout, rate=target, frame_size=coder.frame_size or 1152)
        frame = av.AudioFrame.from_ndarray(np.ascontiguousarray(data.reshape(1, -1)), format="s16", layout=layout)
        frame.sample_rate, frame.pts = target, 0
        for piece in (*resampler.resample(frame), *resampler.resample(None)):
            container.mux(stream.encode(piece))
        container.mux(stream.encode(None))
