"""Files that cannot be decoded: one clear error each."""

from __future__ import annotations

import os
from pathlib import Path

import make_audio as make
import numpy as np
import pytest
import soundfile
from make_audio import write

from qa.decode import decode, file_sha256
from qa.errors import AudioError, EmptyAudioError, NoAudioTrackError, NotAudioError, UnsupportedRateError


def fails(error: type[AudioError], path: Path, words: str) -> None:
    with pytest.raises(AudioError) as caught:
        decode(path)
    assert type(caught.value) is error, caught.value
    assert caught.value.subject == str(path)
    assert words in caught.value.cause and caught.value.cure


def test_no_file(tmp_path: Path) -> None:
    fails(AudioError, tmp_path / "none.wav", "不存在")
    fails(AudioError, tmp_path, "文件夹")
    fails(AudioError, write(tmp_path, b"x") / "below.wav", "打不开")
    os.mkfifo(tmp_path / "pipe.wav")
    fails(AudioError, tmp_path / "pipe.wav", "不是普通文件")


def test_unreadable_file(tmp_path: Path) -> None:
    path = write(tmp_path, make.pcm16_wav(make.tone(0.1)))
    path.chmod(0)
    me = os.geteuid()
    if me == 0:
        os.seteuid(65534)  # root may read everything
    try:
        fails(AudioError, path, "权限")
    finally:
        os.seteuid(me)


def test_empty_files(tmp_path: Path) -> None:
    fails(EmptyAudioError, write(tmp_path, b""), "0 字节")
    fails(EmptyAudioError, write(tmp_path, make.wav(b"", make.fmt_chunk())), "没有任何采样")
    fails(EmptyAudioError, write(tmp_path, make.wav(b"", make.fmt_chunk(), after=make.chunk(b"LIST", b"INFO"))), "没有任何采样")
    fails(EmptyAudioError, write(tmp_path, make.wav(b"\0", make.fmt_chunk())), "没有任何采样")
    fails(EmptyAudioError, write(tmp_path, b"#!AMR\n"), "没有任何采样")
    fails(EmptyAudioError, write(tmp_path, b"ID3\x03\0\0\0\0\0\0"), "没有任何采样")
    flac = make.encoded("flac", "flac", make.tone(1.0), 8000)
    fails(EmptyAudioError, write(tmp_path, flac[: flac.find(b"\xff\xf8")]), "没有任何采样")
    opus = make.encoded("ogg", "libopus", make.tone(1.0), 8000)
    fails(EmptyAudioError, write(tmp_path, opus[: opus.find(b"OggS", opus.find(b"OpusTags"))]), "没有任何采样")


@pytest.mark.parametrize("length", [4, 8, 11, 12, 16, 20, 30, 36, 40, 43])
def test_wav_cut_inside_its_header(tmp_path: Path, length: int) -> None:
    fails(AudioError, write(tmp_path, make.pcm16_wav(make.tone(1.0))[:length]), "文件头")


def test_m4a_without_its_index(tmp_path: Path) -> None:
    data = make.encoded("ipod", "aac", make.tone(2.0, 16000), 16000)
    fails(AudioError, write(tmp_path, data[: data.rfind(b"moov") - 100]), "被截断")


@pytest.mark.parametrize("name", ["call.wav", "call.mp3", "call.m4a", "call.gsm", "call.amr"])
@pytest.mark.parametrize("seed", range(5))
def test_encrypted_bytes(tmp_path: Path, name: str, seed: int) -> None:
    """Random bytes look like an encrypted file; FFmpeg by itself takes some of them for MP3."""
    fails(NotAudioError, write(tmp_path, np.random.default_rng(seed).bytes(200_000), name), "加密")


@pytest.mark.parametrize(
    ("data", "words"),
    [
        ("您好,请问有什么可以帮您?\n".encode() * 50, "文本"),
        ("您好,请问有什么可以帮您?\n".encode("gb18030") * 50, "文本"),
        ("您好,请问有什么可以帮您?\n".encode("utf-16") * 50, "文本"),
        (b"#EXTM3U\n#EXT-X-TARGETDURATION:10\n#EXTINF:10,\nhttp://127.0.0.1:9/x.ts\n#EXT-X-ENDLIST\n", "文本"),
        (b"<html><body>404 Not Found</body></html>", "文本"),
        (b"PK\x03\x04" + bytes(300), "压缩包"),
        (b"%PDF-1.4\n" + bytes(300), "PDF"),
        (bytes(10_000), "零字节"),
        (make.png(), "图片"),
        (b"RIFF\x10\0\0\0WEBPVP8 ", "认不出"),
    ],
)
def test_files_that_are_no_audio(tmp_path: Path, data: bytes, words: str) -> None:
    fails(NotAudioError, write(tmp_path, data), words)


@pytest.mark.parametrize("container", ["mp4", "avi", "matroska"])
def test_videos(tmp_path: Path, container: str) -> None:
    fails(NoAudioTrackError, write(tmp_path, make.video(container)), "视频")
    fails(NoAudioTrackError, write(tmp_path, make.video(container, with_sound=False)), "视频")


@pytest.mark.parametrize("rate_hz", [0, 1, 3999, 192001, 4_000_000_000])
def test_absurd_rates_of_wav(tmp_path: Path, rate_hz: int) -> None:
    fails(UnsupportedRateError, write(tmp_path, make.wav(bytes(1000), make.fmt_chunk(rate_hz=rate_hz))), f"{rate_hz} Hz")


def test_absurd_rate_of_flac(tmp_path: Path) -> None:
    soundfile.write(tmp_path / "a.flac", make.tone(1.0), 2000)
    fails(UnsupportedRateError, tmp_path / "a.flac", "2000 Hz")


@pytest.mark.parametrize("channels", [0, 3, 6, 65535])
def test_more_than_two_channels(tmp_path: Path, channels: int) -> None:
    fails(AudioError, write(tmp_path, make.wav(bytes(1200), make.fmt_chunk(channels=channels))), f"{channels} 个声道")


def test_more_than_two_channels_of_flac(tmp_path: Path) -> None:
    soundfile.write(tmp_path / "a.flac", np.zeros((8000, 4), np.int16), 8000)
    fails(AudioError, tmp_path / "a.flac", "4 个声道")


def test_absurd_bits_and_unknown_codec(tmp_path: Path) -> None:
    fails(AudioError, write(tmp_path, make.wav(bytes(1000), make.fmt_chunk(bits=48))), "48")
    fails(AudioError, write(tmp_path, make.wav(bytes(1000), make.fmt_chunk(tag=0x7777))), "")


@pytest.mark.parametrize(
    ("container", "codec"), [("wav", "pcm_s16le"), ("mp3", "libmp3lame"), ("ogg", "libopus"), ("ipod", "aac"), ("flac", "flac")]
)
def test_damaged_files_give_audio_or_one_of_our_errors(tmp_path: Path, container: str, codec: str) -> None:
    """Cut at any place, or with bytes changed: never another exception, never a length out of all proportion."""
    rng = np.random.default_rng(11)
    x = make.tone(1.0, 16000, 2)
    whole = make.pcm16_wav(x, 16000) if container == "wav" else make.encoded(container, codec, x, 16000)
    for trial in range(60):
        data = bytearray(whole[: rng.integers(1, len(whole))] if trial % 2 else whole)
        for at in rng.integers(0, min(len(data), 400 if trial % 3 else len(data)), size=rng.integers(0, 8)):
            data[at] = rng.integers(0, 256)
        try:
            audio = decode(write(tmp_path, bytes(data), "call.bin"))
        except AudioError as error:
            assert error.subject and error.cause and error.cure
        else:
            assert 0 < len(audio.pcm) <= 192_000 * 60


def test_a_file_that_stops_being_readable_is_an_audio_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A share that goes away while the hash is taken."""
    path = tmp_path / "call.wav"
    path.write_bytes(b"RIFF")

    def broken(*_: object) -> None:
        raise OSError(5, "Input/output error")

    monkeypatch.setattr("hashlib.file_digest", broken)
    with pytest.raises(AudioError, match="读取失败"):
        file_sha256(path)
