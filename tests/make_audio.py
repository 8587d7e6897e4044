"""Builds recordings of every format, sound and broken, for the tests of decoding."""

from __future__ import annotations

import io
import struct
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import numpy.typing as npt

Samples = npt.NDArray[np.int16]


def write(folder: Path, data: bytes, name: str = "call.wav") -> Path:
    path = folder / name
    path.write_bytes(data)
    return path


def tone(seconds: float = 1.0, rate_hz: int = 8000, channels: int = 1, peak: float = 8000.0) -> Samples:
    """A sine in the first channel, one a fifth higher in the second: int16 (samples, channels)."""
    t = np.arange(round(seconds * rate_hz)) / rate_hz
    columns = [peak * np.sin(2 * np.pi * 440.0 * (1 + 0.5 * c) * t) for c in range(channels)]
    return np.rint(np.stack(columns, axis=1)).astype(np.int16)


def chunk(tag: bytes, body: bytes, size: int | None = None, pad: bool = True) -> bytes:
    """A RIFF chunk; ``size`` is what the header claims if it is to lie."""
    return tag + struct.pack("<I", len(body) if size is None else size) + body + (b"\0" if pad and len(body) % 2 else b"")


def fmt_chunk(tag: int = 1, channels: int = 1, rate_hz: int = 8000, bits: int = 16, extra: bytes = b"") -> bytes:
    block = channels * bits // 8
    return chunk(b"fmt ", struct.pack("<HHIIHH", tag, channels, rate_hz, rate_hz * block & 0xFFFFFFFF, block & 0xFFFF, bits) + extra)


def wav(
    body: bytes, fmt: bytes, before: bytes = b"", after: bytes = b"", data_size: int | None = None, riff_size: int | None = None
) -> bytes:
    """A WAV file of the given parts, header fields true unless given."""
    rest = b"WAVE" + fmt + before + chunk(b"data", body, data_size) + after
    return b"RIFF" + struct.pack("<I", len(rest) if riff_size is None else riff_size) + rest


def pcm16_wav(x: Samples, rate_hz: int = 8000, **lies: int) -> bytes:
    return wav(x.astype("<i2").tobytes(), fmt_chunk(channels=x.shape[1], rate_hz=rate_hz), **lies)  # type: ignore[arg-type]


def encoded(container: str, codec: str, x: Samples, rate_hz: int, options: dict[str, str] | None = None) -> bytes:
    """``x`` encoded by FFmpeg's encoders, with presentation times, in ``container``."""
    out = io.BytesIO()
    layout = "mono" if x.shape[1] == 1 else "stereo"
    with av.open(out, "w", format=container, options=options or {}) as target:
        stream = target.add_stream(codec, rate=rate_hz, layout=layout)
        if "amr" in codec:
            stream.bit_rate = 12_200  # the mode of GSM enhanced full rate
        for start in range(0, len(x), 960):
            part = np.ascontiguousarray(x[start : start + 960].reshape(1, -1))
            frame = av.AudioFrame.from_ndarray(part, format="s16", layout=layout)
            frame.sample_rate, frame.pts, frame.time_base = rate_hz, start, Fraction(1, rate_hz)
            target.mux(stream.encode(frame))
        target.mux(stream.encode(None))
    return out.getvalue()


def video(container: str = "mp4", with_sound: bool = True) -> bytes:
    """Half a second of grey pictures, with a tone or silent."""
    out = io.BytesIO()
    with av.open(out, "w", format=container) as target:
        pictures = target.add_stream("mpeg4", rate=10)
        pictures.width, pictures.height, pictures.pix_fmt = 64, 64, "yuv420p"
        sound = target.add_stream("aac", rate=16000, layout="mono") if with_sound else None
        for _ in range(5):
            target.mux(pictures.encode(av.VideoFrame.from_ndarray(np.full((96, 64), 128, np.uint8), format="yuv420p")))
        target.mux(pictures.encode(None))
        if sound is not None:
            frame = av.AudioFrame.from_ndarray(tone(0.5, 16000).reshape(1, -1), format="s16", layout="mono")
            frame.sample_rate, frame.pts, frame.time_base = 16000, 0, Fraction(1, 16000)
            target.mux(sound.encode(frame))
            target.mux(sound.encode(None))
    return out.getvalue()


def png(width: int = 2) -> bytes:
    """A small grey PNG picture."""
    picture = av.VideoFrame.from_ndarray(np.full((width, width, 3), 128, np.uint8), format="rgb24")
    coder = av.CodecContext.create("png", "w")
    coder.width, coder.height, coder.pix_fmt, coder.time_base = width, width, "rgb24", Fraction(1, 1)  # type: ignore[attr-defined]
    return b"".join(bytes(p) for p in [*coder.encode(picture), *coder.encode(None)])  # type: ignore[attr-defined]


def with_id3_cover(mp3: bytes, picture: bytes) -> bytes:
    """The MP3 behind an ID3v2.3 tag with a cover picture (APIC)."""
    body = b"\0image/png\0\x03\0" + picture
    frame = b"APIC" + struct.pack(">I", len(body)) + b"\0\0" + body
    size = len(frame)
    return b"ID3\x03\0\0" + bytes([size >> 21 & 127, size >> 14 & 127, size >> 7 & 127, size & 127]) + frame + mp3


def with_m4a_cover(m4a: bytes, picture: bytes) -> bytes:
    """The M4A (moov last) with a cover picture in moov/udta/meta/ilst/covr, replacing its own udta."""

    def box(tag: bytes, body: bytes) -> bytes:
        return struct.pack(">I", 8 + len(body)) + tag + body

    moov = m4a.rfind(b"moov") - 4
    size = struct.unpack(">I", m4a[moov : moov + 4])[0]
    inner = m4a[moov + 8 : moov + size]
    old = inner.rfind(b"udta") - 4
    inner = inner[:old] if old >= 0 else inner
    handler = box(b"hdlr", b"\0" * 8 + b"mdirappl" + b"\0" * 9)
    cover = box(b"covr", box(b"data", struct.pack(">II", 14, 0) + picture))
    return m4a[:moov] + box(b"moov", inner + box(b"udta", box(b"meta", b"\0" * 4 + handler + box(b"ilst", cover))))
