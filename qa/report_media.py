"""Sound and waveforms for the HTML reports: Opus in a ``data:`` URI, level tracks as SVG paths."""

from __future__ import annotations

import base64
import io
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from typing import IO

import av
import numpy as np
import soxr

from qa.blocks import Wave
from qa.types import Audio, ChannelAcoustics, Int16Array, Span

OPUS_RATES_HZ = (8000, 12000, 16000, 24000, 48000)
BITS_PER_CHANNEL = 20_000
_URI = "data:audio/ogg;base64,"
_HELD_BYTES = 8 << 20  # of encoded sound, before it goes into a temporary file
_READ_BYTES = 3 << 18  # a multiple of 3, so that base64 has no gaps
WAVE_RANGE_DB = 42.0  # levels this far below the loudest frame of the call are drawn as silence


def opus_bytes(pcm: Int16Array, rate_hz: int) -> bytes:
    """Samples, int16 (samples, 1 or 2 channels) at ``rate_hz``, as Opus (:func:`encode`)."""
    buffer = io.BytesIO()
    encode([pcm], rate_hz, pcm.shape[1], buffer)
    return buffer.getvalue()


def encode(pieces: Iterable[Int16Array], rate_hz: int, channels: int, into: IO[bytes]) -> None:
    """Write samples, a piece (samples, channels) after the other, as Opus in Ogg (RFC 6716, RFC 7845).

    Rates that Opus does not know, and all above 24 kHz, are resampled first; no samples become 20 ms of silence.  20 kbit/s a channel:
    telephone speech stays transparent and ten minutes of stereo are 3 MB.
    """
    target = next((r for r in OPUS_RATES_HZ[:4] if r >= rate_hz), 24000)
    layout = "stereo" if channels == 2 else "mono"
    with av.open(into, "w", format="ogg") as container:
        stream = container.add_stream("libopus", rate=target, layout=layout)
        stream.bit_rate = BITS_PER_CHANNEL * channels
        written = 0
        for samples in _some(_resampled(pieces, rate_hz, target, channels), rate_hz, channels):
            frame = av.AudioFrame.from_ndarray(np.ascontiguousarray(samples).reshape(1, -1), format="s16", layout=layout)
            frame.sample_rate, frame.pts = target, written
            written += len(samples)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))


def _resampled(pieces: Iterable[Int16Array], rate_hz: int, target_hz: int, channels: int) -> Iterator[Int16Array]:
    """The pieces at another rate, as if they were one."""
    if rate_hz == target_hz:
        yield from pieces
        return
    stream = soxr.ResampleStream(rate_hz, target_hz, channels, dtype="int16")
    for piece in pieces:
        yield np.asarray(stream.resample_chunk(np.ascontiguousarray(piece)), dtype=np.int16)
    yield np.asarray(stream.resample_chunk(np.zeros((0, channels), np.int16), last=True), dtype=np.int16)


def _some(pieces: Iterable[Int16Array], rate_hz: int, channels: int) -> Iterator[Int16Array]:
    """The pieces that hold anything, and silence where none does: an empty stream is no file at all."""
    empty = True
    for piece in pieces:
        if len(piece):
            empty = False
            yield piece
    if empty:
        yield np.zeros((rate_hz // 50, channels), np.int16)


def pieces_of(audio: Audio) -> Iterator[Int16Array]:
    """All samples (samples, channels), a block at a time."""
    whole = Wave(lambda start, end: audio.channel(0, start, end), len(audio.pcm), audio.info.rate_hz)
    for start, end in whole.blocks():
        yield np.stack([audio.samples(index, start, end) for index in range(audio.info.channels)], axis=1)


def uri_pieces(audio: Audio) -> Iterator[str]:
    """``opus_uri`` of a whole recording in pieces, so that of a long one neither the sound nor the address lies in memory."""
    with tempfile.SpooledTemporaryFile(max_size=_HELD_BYTES) as file:
        encode(pieces_of(audio), audio.info.rate_hz, audio.info.channels, file)
        file.seek(0)
        yield _URI
        while data := file.read(_READ_BYTES):
            yield base64.b64encode(data).decode("ascii")


def opus_uri(pcm: Int16Array, rate_hz: int) -> str:
    """``opus_bytes`` as a ``data:`` URI that an ``<audio>`` element plays without any other file."""
    return _URI + base64.b64encode(opus_bytes(pcm, rate_hz)).decode("ascii")


def cut(pcm: Int16Array, rate_hz: int, span: Span, *, margin_ms: int = 0) -> Int16Array:
    """The samples of ``span``, ``margin_ms`` more on each side, clamped to the recording."""
    start = max(0, span.start_ms - margin_ms) * rate_hz // 1000
    return pcm[start : (span.end_ms + margin_ms) * rate_hz // 1000]


def envelopes(channels: Sequence[ChannelAcoustics], duration_ms: int, columns: int = 480) -> list[list[float]]:
    """A bar height (0-1) for each of ``columns`` equal stretches of the call, one list a channel.

    The loudest frame of a stretch counts; heights are linear in decibels over ``WAVE_RANGE_DB`` below the loudest frame of the
    whole call, so that both speakers of one call share one scale.
    """
    tracks = [np.nan_to_num(np.asarray(c.level_dbov, dtype=np.float64), nan=-120.0, neginf=-120.0) for c in channels]
    top = max((float(t.max()) for t in tracks if len(t)), default=-120.0)
    result = []
    for acoustics, track in zip(channels, tracks, strict=True):
        edges = np.linspace(0, duration_ms, columns + 1) / max(1, acoustics.frame_ms)
        left = np.minimum(edges[:-1].astype(int), len(track))
        right = np.minimum(np.maximum(edges[:-1].astype(int) + 1, np.ceil(edges[1:]).astype(int)), len(track))
        padded = np.append(track, (-120.0, -120.0))  # what lies behind the end is silence
        levels = np.maximum.reduceat(padded, np.stack([left, np.maximum(right, left + 1)], axis=1).ravel())[::2]
        result.append([round(float(height), 3) for height in np.clip(1.0 + (levels - top) / WAVE_RANGE_DB, 0.0, 1.0)])
    return result


def wave_path(heights: Sequence[float], middle: float, half: float) -> str:
    """An SVG path, symmetric about ``y = middle``, with x in 0-1000 and ``half`` the height of a full bar."""
    if not heights:
        return ""
    step = 1000 / len(heights)
    upper = [f"{(i + 0.5) * step:.1f} {middle - max(0.6, h * half):.1f}" for i, h in enumerate(heights)]
    lower = [f"{(i + 0.5) * step:.1f} {middle + max(0.6, h * half):.1f}" for i, h in enumerate(heights)]
    return "M" + "L".join(upper) + "L" + "L".join(reversed(lower)) + "Z"
