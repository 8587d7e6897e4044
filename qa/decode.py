"""Decoding: from a recording file to 16-bit samples at the native rate.

Demuxing and decoding are PyAV's (FFmpeg's libraries inside the wheel), which know all codecs that switches write and take
encoder delay and padding out as the container says.  WAV headers are checked first, see ``qa.riff``.
"""

from __future__ import annotations

import hashlib
import io
import stat
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO, cast

import av
import numpy as np
import numpy.typing as npt
from av.audio.frame import AudioFrame
from av.audio.stream import AudioStream
from av.container import InputContainer
from av.stream import Disposition

from qa.errors import AudioError, EmptyAudioError, NoAudioTrackError, NotAudioError, UnsupportedRateError
from qa.riff import FLOAT, PCM, RepairedWav, RiffError, WavLayout, read_layout
from qa.sniff import describe, mpeg_offset, sniff
from qa.spool import Spool
from qa.types import Audio, AudioInfo, Int16Array

MIN_RATE_HZ, MAX_RATE_HZ = 4_000, 192_000
MIN_HOLE_S = 0.02  # container times are rounded; less than a speech frame is no hole
MAX_HOLE_S = 600.0  # a longer hole is not bridged with silence: times in a broken file are not to be trusted
SUFFIXES: frozenset[str] = frozenset(
    {
        *(".wav", ".wave", ".wav49", ".w64", ".rf64", ".au", ".snd", ".aif", ".aiff", ".caf", ".flac", ".gsm"),
        *(".mp3", ".opus", ".ogg", ".oga", ".m4a", ".mp4", ".aac", ".amr", ".awb", ".3gp", ".wma", ".webm", ".mka"),
    }
)
"""Suffixes (lower case, with the dot) of files worth trying in a folder."""

_DECLARED_BY_CONTAINER = ("flac", "mov", "asf", "caf", "aiff", "au", "w64", "matroska", "avi", "flv")
_STILL_CODECS = ("mjpeg", "png", "bmp", "gif", "webp")
_TORN = ("被截断", "不完整", "实有", "没有写明数据长度")
_RESEND = "请从录音系统重新导出这个文件"
_CONVERT = "请确认这是录音文件;受支持的格式有 WAV、MP3、Opus/Ogg、FLAC、M4A/AAC、AMR、GSM"


def file_sha256(path: Path) -> str:
    """SHA-256 of the file's bytes, 64 hexadecimal digits.  Raises AudioError if it cannot be read."""
    with _open(path) as source:
        try:
            return hashlib.file_digest(source, "sha256").hexdigest()
        except OSError as error:  # a share that goes away in the middle
            raise AudioError(str(path), f"读取失败（{error.strerror or error}）", "请检查磁盘、网络存储或对象存储后重试") from error


def decode(path: Path) -> Audio:
    """Decode a recording of one or two channels.

    Returns int16 samples of shape (samples, channels) at the native rate; deeper samples are rounded to 16 bits without
    dither and clipped.  What the header says and the file does not keep is in ``info.notes``.

    Raises AudioError (missing, unreadable, broken, more than two channels), EmptyAudioError, NotAudioError,
    NoAudioTrackError (also for videos) or UnsupportedRateError (outside 4,000-192,000 Hz); BatchError where the temporary folder, in
    which the samples of a long recording lie, is full.
    """
    with _open(path) as source:
        size = path.stat().st_size
        if size == 0:
            raise EmptyAudioError(str(path), "文件是空的(0 字节)", _RESEND)
        kind = sniff(source, size)
        if kind is None:
            raise NotAudioError(str(path), f"不是音频文件:{describe(source)}", _CONVERT)
        work = _Decoding(path, source, size, kind)
        try:
            work.run()
            return work.audio(file_sha256(path))
        except av.error.EOFError as error:  # the container ends before its first sample
            raise EmptyAudioError(str(path), "只有文件头,没有任何采样", _RESEND) from error
        except (av.error.FFmpegError, RiffError) as error:
            raise AudioError(str(path), _cause(error), _RESEND) from error
        except OSError as error:
            raise AudioError(str(path), f"读取失败({error.strerror or error})", "请检查磁盘和网络存储后重试") from error
        finally:
            work.spool.close()


def looks_torn(info: AudioInfo) -> bool:
    """Whether the file ends before its time by what it says of itself, as one does that is still being written or copied."""
    return any(sign in note for note in info.notes for sign in _TORN)


def _open(path: Path) -> io.BufferedReader:
    try:
        mode = path.stat().st_mode
        if stat.S_ISDIR(mode):
            raise AudioError(str(path), "这是文件夹,不是录音文件", "请给出文件夹里的录音文件")
        if not stat.S_ISREG(mode):
            raise AudioError(str(path), "不是普通文件(管道、设备等)", "请先把录音存成文件")
        return path.open("rb")
    except FileNotFoundError as error:
        raise AudioError(str(path), "文件不存在", "请检查路径") from error
    except PermissionError as error:
        raise AudioError(str(path), "没有读取这个文件的权限", "请让管理员开放读取权限") from error
    except OSError as error:
        raise AudioError(str(path), f"打不开({error.strerror or error})", "请检查路径和存储") from error


def _cause(error: Exception) -> str:
    if isinstance(error, RiffError):
        return str(error)
    return f"文件损坏、被截断或已加密,无法解码({getattr(error, 'strerror', None) or error})"


def _to_int16(frame: AudioFrame) -> tuple[Int16Array, int, int]:
    """Samples of a frame as int16 (samples, channels); how many lie beyond full scale; how many are no numbers.

    Rounding is to the nearest step without dither: noise added here would be measured as noise of the line.
    """
    raw: npt.NDArray[Any] = frame.to_ndarray()
    channels = frame.layout.nb_channels
    x = raw.T if frame.format.is_planar else raw.reshape(-1, channels)
    if x.dtype == np.int16:
        return x, 0, 0
    if x.dtype == np.uint8:
        return (x.astype(np.int16) - 128) * np.int16(256), 0, 0
    if x.dtype in (np.int32, np.int64):
        shift = 16 if x.dtype == np.int32 else 48
        top = (x >> (shift - 1)).astype(np.int64)
        return np.minimum((top + 1) >> 1, 32767).astype(np.int16), 0, 0
    scaled = x.astype(np.float64) * 32768.0
    bad = int(np.count_nonzero(~np.isfinite(scaled)))
    if bad:
        scaled = np.nan_to_num(scaled, nan=0.0, posinf=32767.0, neginf=-32768.0)
    over = int(np.count_nonzero((scaled > 32768.0) | (scaled < -32768.0)))
    return np.clip(np.rint(scaled), -32768, 32767).astype(np.int16), over, bad


@dataclass
class _Decoding:
    """The state of decoding one file."""

    path: Path
    source: BinaryIO
    size: int
    kind: str
    layout: WavLayout | None = None
    rate_hz: int = 0
    channels: int = 0
    codec: str = ""
    samples: int = 0
    clock_s: float | None = None  # presentation time of the next frame
    frame_samples: int = 0  # of the longest frame
    declared_ms: int | None = None
    over: int = 0
    bad_numbers: int = 0
    good_packets: int = 0
    lost_packets: int = 0
    tail_lost: bool = False
    notes: list[str] = field(default_factory=list)
    spool: Spool = field(init=False)

    def __post_init__(self) -> None:
        self.spool = Spool(self.path)

    def run(self) -> None:
        stream_file: BinaryIO = self.source
        name = self.kind
        if self.kind == "riff":
            self.layout = read_layout(self.source, self.size)
            self._check_layout(self.layout)
            stream_file, name = cast(BinaryIO, RepairedWav(self.source, self.layout)), "wav"
        else:
            if self.kind == "mp3" and mpeg_offset(self.source) >= self.size:
                raise EmptyAudioError(str(self.path), "只有标签,没有任何采样", _RESEND)
            self.source.seek(0)
        with av.open(stream_file, "r", format=name, metadata_errors="replace") as container:
            stream = self._choose(container)
            self.codec = stream.codec_context.codec.canonical_name
            self._decode(container, stream)
            self._finish(stream)
        self._write_notes()

    # ------------------------------------------------------------ before decoding

    def _check_layout(self, layout: WavLayout) -> None:
        self._check_rate(layout.rate_hz)
        self._check_channels(layout.channels)
        if (layout.tag == PCM and layout.bits not in (8, 16, 24, 32)) or (layout.tag == FLOAT and layout.bits not in (32, 64)):
            raise AudioError(str(self.path), f"文件头写的采样位数 {layout.bits} 不合理", _RESEND)
        if layout.data_bytes == 0:
            raise EmptyAudioError(str(self.path), "只有文件头,没有任何采样", _RESEND)

    def _check_rate(self, rate_hz: int) -> None:
        if not MIN_RATE_HZ <= rate_hz <= MAX_RATE_HZ:
            cause = f"采样率 {rate_hz} Hz 不在 {MIN_RATE_HZ}~{MAX_RATE_HZ} Hz 之内"
            raise UnsupportedRateError(str(self.path), cause, "文件头可能已损坏," + _RESEND)

    def _check_channels(self, channels: int) -> None:
        if channels not in (1, 2):
            cause = f"有 {channels} 个声道,只支持单声道和双声道"
            raise AudioError(str(self.path), cause, "请导出坐席、客户各占一个声道的录音")

    def _choose(self, container: InputContainer) -> AudioStream:
        """The one audio stream; cover pictures are no video."""
        for video in container.streams.video:
            cover = bool(video.disposition & Disposition.attached_pic)
            still = video.codec_context is not None and video.codec_context.name in _STILL_CODECS and video.frames == 1
            if not (cover or still):
                raise NoAudioTrackError(str(self.path), "这是视频文件,不是通话录音", "请从中导出音轨后再评分")
        if not container.streams.audio:
            raise NoAudioTrackError(str(self.path), "文件里没有音轨", _CONVERT)
        if len(container.streams.audio) > 1:
            self.notes.append(f"文件有 {len(container.streams.audio)} 条音轨,只解码了第一条")
        stream = container.streams.audio[0]
        if stream.codec_context is None:
            raise AudioError(str(self.path), "音频编码不受支持或已加密", _CONVERT)
        if stream.codec_context.sample_rate:
            self._check_rate(stream.codec_context.sample_rate)
        if stream.codec_context.channels:
            self._check_channels(stream.codec_context.channels)
        return stream

    # ------------------------------------------------------------ decoding

    def _packets(self, container: InputContainer, stream: AudioStream) -> Iterator[av.Packet[AudioStream]]:
        """Packets up to the end of the file or the place where the container breaks."""
        packets = container.demux(stream)
        while True:
            try:
                yield next(packets)
            except StopIteration:
                return
            except av.error.FFmpegError:
                self.tail_lost = True
                return

    def _decode(self, container: InputContainer, stream: AudioStream) -> None:
        lost_s = 0.0  # of broken packets since the last good one: a hole in the middle, or the torn end of the file
        for packet in self._packets(container, stream):
            try:
                frames = packet.decode()
            except av.error.EOFError:
                break
            except av.error.FFmpegError:
                self.lost_packets += 1
                lost_s += float(packet.duration * packet.time_base) if packet.duration and packet.time_base else 0.0
                continue
            self.good_packets += bool(frames)
            for frame in frames:
                self._fill(frame, lost_s)
                self._append(frame)
                lost_s = 0.0
        self.tail_lost = self.tail_lost or lost_s > 0

    def _fill(self, frame: AudioFrame, lost_s: float) -> None:
        """Silence for what is missing before ``frame``, so that the times of all that follows stay true."""
        at = float(frame.pts * frame.time_base) if frame.pts is not None and frame.time_base else None
        if self.rate_hz:
            hole_s = at - self.clock_s if at is not None and self.clock_s is not None else lost_s
            if hole_s > MAX_HOLE_S:
                raise AudioError(str(self.path), f"中间缺少 {round(hole_s)} 秒的数据", _RESEND)
            if hole_s > MIN_HOLE_S:
                self.notes.append(f"第 {self._ms(self.samples)} 毫秒起缺少约 {round(hole_s * 1000)} 毫秒的数据,以静音代替")
                samples = round(hole_s * self.rate_hz)
                self.spool.add(bytes(2 * self.channels * samples))
                self.samples += samples
        start = at if at is not None else self.clock_s
        self.clock_s = None if start is None else start + frame.samples / frame.sample_rate

    def _append(self, frame: AudioFrame) -> None:
        rate, channels = frame.sample_rate, frame.layout.nb_channels
        if not self.rate_hz:
            self._check_rate(rate)
            self._check_channels(channels)
            self.rate_hz, self.channels = rate, channels
        if (rate, channels) != (self.rate_hz, self.channels):
            raise AudioError(str(self.path), "采样率或声道数在文件中途改变", "请把前后两段存成两个文件")
        x, over, bad = _to_int16(frame)
        self.over += over
        self.bad_numbers += bad
        self.spool.add(np.ascontiguousarray(x).data.cast("B") if x.size else b"")
        self.samples += len(x)
        self.frame_samples = max(self.frame_samples, len(x))

    # ------------------------------------------------------------ after decoding

    def _finish(self, stream: AudioStream) -> None:
        if not self.samples and self.lost_packets:
            raise AudioError(str(self.path), "音频数据已损坏或已加密,没有一段能解码", _RESEND)
        if not self.samples:
            raise EmptyAudioError(str(self.path), "只有文件头,没有任何采样", _RESEND)
        if self.lost_packets > self.good_packets:
            cause = f"大部分数据已损坏或已加密({self.lost_packets} 个数据包不能解码,{self.good_packets} 个能解码)"
            raise AudioError(str(self.path), cause, _RESEND)
        self.declared_ms = self._declared_ms(stream)
        if self.kind == "mov" and stream.duration and stream.time_base:
            # FFmpeg takes the encoder delay out of MP4 but leaves the padding of the last AAC frame in
            self._trim(round(float(stream.duration * stream.time_base) * self.rate_hz))
        if self.layout is not None and not self.layout.is_linear and self.layout.fact_samples:
            self._trim(self.layout.fact_samples)

    def _trim(self, samples: int) -> None:
        """Cut padding of less than one codec frame; anything longer is no padding."""
        if 0 < self.samples - samples < self.frame_samples:
            self.samples = samples
            self.spool.cut(2 * self.channels * samples)

    def _declared_ms(self, stream: AudioStream) -> int | None:
        """Duration that the file claims, None where the format claims none."""
        if self.layout is not None:
            return None if self.layout.declared_bytes is None else self.layout.duration_ms(self.layout.declared_bytes)
        if self.kind == "mp3":
            return self._xing_ms()
        if self.kind in _DECLARED_BY_CONTAINER and stream.duration and stream.time_base:
            return round(float(stream.duration * stream.time_base) * 1000)
        return None

    def _xing_ms(self) -> int | None:
        """Duration by the Xing/Info header: its frame count (without the header's own frame) at 1152 or 576 samples."""
        self.source.seek(mpeg_offset(self.source))
        frame = self.source.read(256)
        at = max(frame.find(b"Xing"), frame.find(b"Info"))
        if at < 0 or len(frame) < at + 12 or not frame[at + 7] & 1:
            return None
        count = int.from_bytes(frame[at + 8 : at + 12], "big")
        return round(count * (1152 if self.rate_hz >= 32000 else 576) * 1000 / self.rate_hz)

    def _ms(self, samples: int) -> int:
        return round(samples * 1000 / self.rate_hz)

    def _write_notes(self) -> None:
        found = self._ms(self.samples)
        if self.layout is not None:
            self._note_wav(self.layout, found)
        elif self.declared_ms is not None and abs(self.declared_ms - found) > max(120, 3 * self._ms(self.frame_samples)):
            self._note_length(self.declared_ms, found)
        if self.kind == "ogg" and not self._ogg_ends():
            self.notes.append(f"缺少 Ogg 结束标记,文件可能被截断;实际解码 {found} 毫秒")
        if self.tail_lost:
            self.notes.append(f"文件末尾的数据不完整,已舍去;实际解码 {found} 毫秒")
        if self.bad_numbers:
            self.notes.append(f"有 {self.bad_numbers} 个采样不是数(NaN 或无穷大),已替换")
        if self.over and self.layout is not None:
            self.notes.append(f"有 {self.over} 个浮点采样超出满幅,已削到满幅")

    def _note_length(self, declared: int, found: int) -> None:
        why = "文件可能被截断" if declared > found else "文件头写短了"
        self.notes.append(f"文件头声明 {declared} 毫秒,实际解码 {found} 毫秒;{why},以实际为准")

    def _note_wav(self, layout: WavLayout, found: int) -> None:
        if layout.declared_bytes is None:
            self.notes.append(f"文件头没有写明数据长度(声明 0 毫秒),实际解码 {found} 毫秒")
        elif layout.declared_bytes // max(1, layout.block_bytes) != layout.data_bytes // max(1, layout.block_bytes):
            if self.declared_ms is None:
                sizes = f"文件头声明数据 {layout.declared_bytes} 字节,实有 {layout.data_bytes} 字节"
                self.notes.append(f"{sizes};实际解码 {found} 毫秒")
            else:
                self._note_length(self.declared_ms, found)
        elif layout.riff_bytes in (0, 0xFFFFFFFF) or layout.riff_bytes > layout.true_riff_bytes + 1:
            said = f"RIFF 头声明 {layout.riff_bytes} 字节,实有 {layout.true_riff_bytes} 字节"
            self.notes.append(f"{said};数据块声明 {self.declared_ms} 毫秒,实际解码 {found} 毫秒")

    def _ogg_ends(self) -> bool:
        """Whether the last Ogg page carries the end-of-stream flag and is whole (RFC 3533, section 6)."""
        self.source.seek(max(0, self.size - (1 << 16) - 512))
        tail = self.source.read()
        page = tail[max(0, tail.rfind(b"OggS")) :]
        if not page.startswith(b"OggS") or len(page) < 27 or len(page) < 27 + page[26]:
            return False
        return bool(page[5] & 4) and len(page) >= 27 + page[26] + sum(page[27 : 27 + page[26]])

    def audio(self, sha256: str) -> Audio:
        info = AudioInfo(
            path=str(self.path),
            sha256=sha256,
            container="wav" if self.kind == "riff" else self.kind,
            codec=self.codec,
            rate_hz=self.rate_hz,
            channels=self.channels,
            duration_ms=self._ms(self.samples),
            notes=tuple(self.notes),
        )
        samples, mapping = self.spool.array()
        return Audio(info, samples.reshape(-1, self.channels), mapping)
