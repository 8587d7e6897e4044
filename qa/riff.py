"""WAV files whose headers lie: finds the format and the samples that are really there.

Recorders that crash, stream to a pipe or append without going back leave size fields of 0, 0xFFFFFFFF, too much or too
little.  This module walks the chunks (RIFF: IBM/Microsoft *Multimedia Programming Interface* 1.0, 1991; RF64: EBU Tech 3306)
and gives the decoder a file with a true header in front of the same samples, so that the decoder never sees the lie.
"""

from __future__ import annotations

import io
import struct
from dataclasses import dataclass
from typing import BinaryIO

PCM, FLOAT, ALAW, MULAW, GSM610, EXTENSIBLE = 0x0001, 0x0003, 0x0006, 0x0007, 0x0031, 0xFFFE
_UNSET = (0, 0xFFFFFFFF)
_KNOWN_TAGS = (b"fmt ", b"data", b"fact", b"LIST", b"JUNK", b"junk", b"bext", b"PEAK", b"cue ", b"smpl", b"id3 ", b"iXML", b"PAD ")
_SEARCH_BYTES = 1 << 20  # how far a "data" tag is looked for after a chunk with a wrong size
_PADDING_BYTES = 4096  # zeros up to a disk block behind the declared end are no samples


class RiffError(Exception):
    """The header is cut or makes no sense; the message says how, in Chinese."""


@dataclass(frozen=True)
class WavLayout:
    """What a WAV file says of itself and where its samples really lie.

    ``tag`` is the format tag (of the sub-format if extensible), ``fmt`` the body of the fmt chunk with a repaired block size,
    ``declared_bytes`` what the data chunk claims (None: left open with 0 or 0xFFFFFFFF), ``riff_bytes`` what the RIFF chunk
    claims, ``data_bytes`` what is there, ``fact_samples`` the sample count of the fact chunk (None: no such chunk).
    """

    tag: int
    channels: int
    rate_hz: int
    bits: int
    block_bytes: int
    bytes_per_second: int
    fmt: bytes
    data_offset: int
    data_bytes: int
    declared_bytes: int | None
    riff_bytes: int
    true_riff_bytes: int
    fact_samples: int | None

    @property
    def is_linear(self) -> bool:
        """One block is one sample of each channel (PCM, float, A-law, mu-law)."""
        return self.tag in (PCM, FLOAT, ALAW, MULAW)

    def duration_ms(self, size: int) -> int | None:
        """Milliseconds that ``size`` bytes last, None where the header gives no byte rate."""
        per_second = self.block_bytes * self.rate_hz if self.is_linear else self.bytes_per_second
        return round(size * 1000 / per_second) if per_second else None

    def header(self) -> bytes:
        """A true header for ``data_bytes`` of samples (sizes beyond 32 bits are left open, as readers expect)."""
        size = min(self.data_bytes, 0xFFFFFFFF)
        fmt = b"fmt " + struct.pack("<I", len(self.fmt)) + self.fmt
        total = min(4 + len(fmt) + 8 + size, 0xFFFFFFFF)
        return b"RIFF" + struct.pack("<I", total) + b"WAVE" + fmt + b"data" + struct.pack("<I", size)


class RepairedWav(io.RawIOBase):
    """The samples of ``source`` behind a true header, as one seekable file; nothing is copied."""

    def __init__(self, source: BinaryIO, layout: WavLayout) -> None:
        self._source, self._layout, self._head = source, layout, layout.header()
        self._size = len(self._head) + layout.data_bytes
        self._pos = 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._pos

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        base = {io.SEEK_SET: 0, io.SEEK_CUR: self._pos, io.SEEK_END: self._size}[whence]
        self._pos = max(0, base + offset)
        return self._pos

    def read(self, size: int = -1) -> bytes:
        left = max(0, self._size - self._pos)
        size = left if size < 0 else min(size, left)
        head = self._head[self._pos : self._pos + size]
        body = b""
        if len(head) < size:
            self._source.seek(self._layout.data_offset + self._pos + len(head) - len(self._head))
            body = self._source.read(size - len(head))
        self._pos += len(head) + len(body)
        return head + body


def _is_tag(tag: bytes) -> bool:
    return len(tag) == 4 and all(0x20 <= b < 0x7F for b in tag)


class _Walker:
    """Reads chunk headers of one file of ``size`` bytes."""

    def __init__(self, source: BinaryIO, size: int) -> None:
        self.source, self.size = source, size

    def at(self, offset: int, count: int) -> bytes:
        self.source.seek(offset)
        return self.source.read(count)

    def chunk(self, offset: int) -> tuple[bytes, int] | None:
        """Tag and size of the chunk at ``offset``, None if there is none."""
        head = self.at(offset, 8)
        if len(head) < 8 or not _is_tag(head[:4]):
            return None
        return head[:4], struct.unpack("<I", head[4:])[0]

    def after(self, start: int, length: int) -> int:
        """Where the next chunk begins: on an even offset, unless the writer forgot the padding byte."""
        end = start + length
        return end if self.at(end, 4) in _KNOWN_TAGS else end + length % 2

    def only_chunks_from(self, offset: int) -> bool:
        """Whether the file from ``offset`` on is nothing but whole chunks (and some padding)."""
        while offset < self.size:
            found = self.chunk(offset)
            if found is None or offset + 8 + found[1] > self.size:
                rest = self.at(offset, _PADDING_BYTES + 1)
                return len(rest) <= _PADDING_BYTES and not any(rest)
            offset = self.after(offset + 8, found[1])
        return True


def _parse_fmt(body: bytes) -> dict[str, int]:
    if len(body) < 14:
        raise RiffError(f"fmt 块只有 {len(body)} 字节,文件头不完整")
    tag, channels, rate, per_second, block = struct.unpack("<HHIIH", body[:14])
    bits = struct.unpack("<H", body[14:16])[0] if len(body) >= 16 else 8
    if tag == EXTENSIBLE and len(body) >= 26:
        tag = struct.unpack("<H", body[24:26])[0]
    return {"tag": tag, "channels": channels, "rate": rate, "per_second": per_second, "block": block, "bits": bits}


def _repaired_fmt(body: bytes, f: dict[str, int]) -> bytes:
    """The fmt body with block size and byte rate computed where they follow from the rest."""
    if f["tag"] not in (PCM, FLOAT, ALAW, MULAW):
        return body
    if f["tag"] in (ALAW, MULAW):
        f["bits"] = 8  # G.711 has 8 bits by definition; some writers leave 16 or 0 here
    f["block"] = f["channels"] * ((f["bits"] + 7) // 8)
    f["per_second"] = f["block"] * f["rate"]
    fixed = struct.pack("<IHH", f["per_second"] & 0xFFFFFFFF, f["block"] & 0xFFFF, f["bits"])
    return body[:8] + fixed + body[16:]


def _true_bytes(walker: _Walker, start: int, declared: int | None) -> int:
    """Bytes of samples from ``start``: the declared ones if only chunks follow them, else all to the end of the file."""
    there = walker.size - start
    if declared is None:
        return 0 if there and walker.only_chunks_from(start) and walker.chunk(start) is not None else there
    if declared >= there:
        return there
    return declared if walker.only_chunks_from(walker.after(start, declared)) else there


def read_layout(source: BinaryIO, size: int) -> WavLayout:
    """Layout of the WAV file ``source`` of ``size`` bytes (RIFF, RIFX, RF64, BW64).

    Raises RiffError if the header is cut, or has no fmt or no data chunk.
    """
    source.seek(0)
    head = source.read(12)
    if len(head) < 12:
        raise RiffError("文件头不完整,文件在开头就断了")
    if head[:4] == b"RIFX":
        raise RiffError("是大端字节序的 WAV(RIFX),不受支持")
    walker = _Walker(source, size)
    riff = struct.unpack("<I", head[4:8])[0]
    fmt: bytes | None = None
    fact: int | None = None
    long_sizes: tuple[int, int] | None = None
    offset = 12
    while True:
        found = walker.chunk(offset)
        if found is None or (found[0] != b"data" and offset + 8 + found[1] > size):
            found, offset = _search_data(walker, offset, fmt is not None)
        tag, length = found
        if tag == b"data":
            break
        body = walker.at(offset + 8, min(length, 4096))
        if tag == b"fmt ":
            fmt = body
        elif tag == b"fact" and len(body) >= 4:
            fact = struct.unpack("<I", body[:4])[0]
        elif tag == b"ds64" and len(body) >= 16:
            long_sizes = struct.unpack("<QQ", body[:16])
        offset = walker.after(offset + 8, length)
    if fmt is None:
        raise RiffError("没有 fmt 块,不知道编码和采样率")
    declared: int | None = length
    if long_sizes and length == 0xFFFFFFFF:
        riff, declared = long_sizes
    return _layout(walker, fmt, offset + 8, None if declared in _UNSET else declared, riff, fact)


def _search_data(walker: _Walker, offset: int, have_fmt: bool) -> tuple[tuple[bytes, int], int]:
    """The data chunk behind a chunk whose size cannot be true."""
    if have_fmt:
        index = walker.at(offset, _SEARCH_BYTES).find(b"data")
        found = walker.chunk(offset + index) if index >= 0 else None
        if found is not None:
            return found, offset + index
    raise RiffError("文件头不完整或已损坏,找不到音频数据块")


def _layout(walker: _Walker, fmt: bytes, start: int, declared: int | None, riff: int, fact: int | None) -> WavLayout:
    f = _parse_fmt(fmt)
    fmt = _repaired_fmt(fmt, f)
    there = _true_bytes(walker, start, declared)
    if f["tag"] in (PCM, FLOAT, ALAW, MULAW, GSM610) and f["block"]:
        there -= there % f["block"]
    return WavLayout(
        tag=f["tag"],
        channels=f["channels"],
        rate_hz=f["rate"],
        bits=f["bits"],
        block_bytes=f["block"],
        bytes_per_second=f["per_second"],
        fmt=fmt,
        data_offset=start,
        data_bytes=there,
        declared_bytes=declared,
        riff_bytes=riff,
        true_riff_bytes=walker.size - 8,
        fact_samples=fact,
    )
