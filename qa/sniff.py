"""What kind of file this is, by its first bytes and never by its name.

The answer is handed to the decoder as a fixed format: a decoder that guesses may take a text file for a playlist and open
addresses that are written in it.
"""

from __future__ import annotations

from typing import BinaryIO

_HEAD_BYTES = 1 << 16
_GSM_FRAME = 33  # bytes of a raw GSM 06.10 frame, first half byte 0xD

# first bytes -> demuxer
_MAGIC: tuple[tuple[bytes, str], ...] = (
    (b"OggS", "ogg"),
    (b"fLaC", "flac"),
    (b"#!AMR", "amr"),
    (b".snd", "au"),
    (b"caff", "caf"),
    (b"\x1a\x45\xdf\xa3", "matroska"),
    (b"\x30\x26\xb2\x75\x8e\x66\xcf\x11", "asf"),
    (b"riff\x2e\x91\xcf\x11", "w64"),
    (b"FLV\x01", "flv"),
    (b"\x00\x00\x01\xba", "mpeg"),
)
_OTHERS: tuple[tuple[bytes, str], ...] = (
    (b"\x89PNG", "一张 PNG 图片"),
    (b"\xff\xd8\xff", "一张 JPEG 图片"),
    (b"GIF8", "一张 GIF 图片"),
    (b"%PDF", "一个 PDF 文档"),
    (b"PK\x03\x04", "一个 ZIP 压缩包或 Office 文档"),
    (b"Rar!", "一个 RAR 压缩包"),
    (b"7z\xbc\xaf\x27\x1c", "一个 7z 压缩包"),
    (b"\x1f\x8b", "一个 gzip 压缩包"),
    (b"\xd0\xcf\x11\xe0", "一个 Office 文档"),
    (b"SQLite format 3", "一个 SQLite 数据库"),
    (b"\x7fELF", "一个 Linux 程序"),
)


def _mpeg_frame_bytes(head: bytes) -> int:
    """Length of the MPEG audio frame whose header (ISO/IEC 11172-3, 2.4.1.3) begins ``head``; 0 if it is none."""
    if len(head) < 4 or head[0] != 0xFF or head[1] & 0xE0 != 0xE0:
        return 0
    version, layer = head[1] >> 3 & 3, head[1] >> 1 & 3
    rate_index, frequency = head[2] >> 4, head[2] >> 2 & 3
    if version == 1 or layer != 1 or rate_index in (0, 15) or frequency == 3:
        return 0  # layers I and II are not found in call recordings
    mpeg1 = version == 3
    kbps = (
        (0, 32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320)
        if mpeg1
        else (0, 8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160)
    )[rate_index]
    rate = (44100, 48000, 32000)[frequency] >> {3: 0, 2: 1, 0: 2}[version]
    return (144 if mpeg1 else 72) * kbps * 1000 // rate + (head[2] >> 1 & 1)


def _adts_frame_bytes(head: bytes) -> int:
    """Length of the ADTS frame (ISO/IEC 13818-7, 6.2) that begins ``head``; 0 if it is none."""
    if len(head) < 7 or head[0] != 0xFF or head[1] & 0xF6 != 0xF0:
        return 0
    return (head[3] & 3) << 11 | head[4] << 3 | head[5] >> 5


def _elementary(head: bytes, first_sync: int) -> str | None:
    """``mp3`` or ``aac`` if two frame headers stand one frame length apart at or behind ``first_sync``."""
    at = head.find(b"\xff", first_sync)
    while 0 <= at < len(head) - 8:
        for length_of, name in ((_mpeg_frame_bytes, "mp3"), (_adts_frame_bytes, "aac")):
            length = length_of(head[at : at + 8])
            if length and length_of(head[at + length : at + length + 8]):
                return name
        at = head.find(b"\xff", at + 1)
    return None


def _skip_id3(source: BinaryIO) -> int:
    """Offset behind the ID3v2 tags at the beginning."""
    offset = 0
    while True:
        source.seek(offset)
        tag = source.read(10)
        if tag[:3] != b"ID3" or len(tag) < 10:
            return offset
        offset += 10 + (tag[6] << 21 | tag[7] << 14 | tag[8] << 7 | tag[9])


def _is_text(head: bytes) -> bool:
    sample = head[:4096]
    if sample.startswith((b"\xff\xfe", b"\xfe\xff")):
        return "�" not in sample[: len(sample) & ~1].decode("utf-16", errors="replace")
    if b"\x00" in sample or sum(b < 0x20 and b not in b"\t\n\r\f" for b in sample):
        return False
    for encoding in ("utf-8", "gb18030"):
        for cut in range(4):  # the last character may be cut in two
            try:
                sample[: len(sample) - cut].decode(encoding)
                return True
            except UnicodeDecodeError:
                continue
    return False


def mpeg_offset(source: BinaryIO) -> int:
    """Offset of the first MPEG audio frame that is followed by another, else the offset behind the tags."""
    start = _skip_id3(source)
    source.seek(start)
    head = source.read(_HEAD_BYTES)
    at = head.find(b"\xff")
    while at >= 0:
        length = _mpeg_frame_bytes(head[at : at + 4])
        if length and _mpeg_frame_bytes(head[at + length : at + length + 4]):
            return start + at
        at = head.find(b"\xff", at + 1)
    return start


def sniff(source: BinaryIO, size: int) -> str | None:
    """Name of the demuxer for ``source`` of ``size`` bytes (``riff`` for the WAV family), None if it is no media file."""
    source.seek(0)
    head = source.read(_HEAD_BYTES)
    if head[:4] in (b"RIFF", b"RIFX", b"RF64", b"BW64"):
        kind = head[8:12]
        return "avi" if kind == b"AVI " else "riff" if kind == b"WAVE"[: len(kind)] else None
    if head[:4] == b"FORM" and head[8:12] in (b"AIFF", b"AIFC"):
        return "aiff"
    if head[4:8] in (b"ftyp", b"moov", b"mdat", b"wide", b"skip"):
        return "mov"
    if len(head) > 188 * 2 and head[0] == head[188] == head[376] == 0x47:
        return "mpegts"
    for magic, name in _MAGIC:
        if head.startswith(magic):
            return name
    if size >= _GSM_FRAME and size % _GSM_FRAME == 0 and all(b >> 4 == 0xD for b in head[::_GSM_FRAME]):
        return "gsm"
    return _tagged_or_raw(source, head)


def _tagged_or_raw(source: BinaryIO, head: bytes) -> str | None:
    """Formats without a signature at offset 0: behind ID3 tags, or bare MPEG and ADTS frames."""
    start = _skip_id3(source)
    if start:
        source.seek(start)
        head = source.read(_HEAD_BYTES)
        if head.startswith(b"fLaC"):
            return "flac"
        return _elementary(head, 0) or "mp3"
    if _is_text(head):
        return None
    return _elementary(head, 0)


def describe(source: BinaryIO) -> str:
    """What a file that is no media file looks like, in Chinese."""
    source.seek(0)
    head = source.read(_HEAD_BYTES)
    for magic, name in _OTHERS:
        if head.startswith(magic):
            return f"这是{name}"
    if not any(head):
        return "文件里全是零字节"
    if _is_text(head):
        return "这是文本文件"
    return "认不出任何音频格式,文件可能已加密、已损坏,或是没有文件头的裸数据"
