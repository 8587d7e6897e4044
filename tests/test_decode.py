"""Decoding: exact samples where the format is exact, true lengths, notes on lying headers."""

from __future__ import annotations

import csv
import struct
import tracemalloc
from pathlib import Path

import make_audio as make
import numpy as np
import pytest
import soundfile
from make_audio import write

from qa.decode import SUFFIXES, decode, file_sha256

REAL = Path(__file__).parents[1].parent / "shared" / "realspeech"


# ---------------------------------------------------------------- exact formats


@pytest.mark.parametrize("channels", [1, 2])
@pytest.mark.parametrize("rate_hz", [4000, 8000, 44100, 192000])
def test_pcm16_comes_back_bit_for_bit(tmp_path: Path, channels: int, rate_hz: int) -> None:
    x = make.tone(0.25, rate_hz, channels)
    audio = decode(write(tmp_path, make.pcm16_wav(x, rate_hz)))
    np.testing.assert_array_equal(audio.pcm, x)
    info = audio.info
    assert (info.container, info.codec, info.rate_hz, info.channels) == ("wav", "pcm_s16le", rate_hz, channels)
    assert (info.duration_ms, info.notes) == (250, ())
    assert audio.pcm.dtype == np.int16 and not audio.pcm.flags.writeable


def test_sha256_is_that_of_the_file(tmp_path: Path) -> None:
    path = write(tmp_path, b"abc")  # FIPS 180-2, appendix B.1
    assert file_sha256(path) == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
    good = write(tmp_path, make.pcm16_wav(make.tone(0.1)), "good.wav")
    assert decode(good).info.sha256 == file_sha256(good)


def test_8_bit_is_unsigned_around_128(tmp_path: Path) -> None:
    audio = decode(write(tmp_path, make.wav(bytes([0, 1, 127, 128, 129, 255]), make.fmt_chunk(bits=8))))
    assert audio.pcm[:, 0].tolist() == [-32768, -32512, -256, 0, 256, 32512]


@pytest.mark.parametrize("bits", [24, 32])
def test_deep_pcm_is_rounded_to_the_nearest_step_and_clipped(tmp_path: Path, bits: int) -> None:
    step = 1 << (bits - 16)
    values = [
        0,
        1,
        step // 2 - 1,
        step // 2,
        step,
        -1,
        -step // 2,
        -step // 2 - 1,
        1000 * step + 3,
        (1 << (bits - 1)) - 1,
        -(1 << (bits - 1)),
    ]
    body = b"".join(v.to_bytes(bits // 8, "little", signed=True) for v in values)
    expected = [min(32767, (v + step // 2) // step) for v in values]
    assert expected[:8] == [0, 0, 0, 1, 1, 0, 0, -1] and expected[-2:] == [32767, -32768]
    assert decode(write(tmp_path, make.wav(body, make.fmt_chunk(bits=bits)))).pcm[:, 0].tolist() == expected


@pytest.mark.parametrize(("bits", "code"), [(32, "f"), (64, "d")])
def test_float_is_rounded_and_clipped(tmp_path: Path, bits: int, code: str) -> None:
    values = [0.0, 0.5, -1.0, 1.0, 1.5, -1.5, 0.4 / 32768, 0.6 / 32768, -0.6 / 32768, float("nan"), float("inf")]
    audio = decode(write(tmp_path, make.wav(struct.pack(f"<{len(values)}{code}", *values), make.fmt_chunk(tag=3, bits=bits))))
    assert audio.pcm[:, 0].tolist() == [0, 16384, -32768, 32767, 32767, -32768, 0, 1, -1, 0, 32767]
    assert audio.info.notes == ("有 2 个采样不是数(NaN 或无穷大),已替换", "有 2 个浮点采样超出满幅,已削到满幅")


@pytest.mark.parametrize(("tag", "subtype"), [(6, "ALAW"), (7, "ULAW")])
def test_g711_agrees_with_libsndfile_on_all_codes(tmp_path: Path, tag: int, subtype: str) -> None:
    path = write(tmp_path, make.wav(bytes(range(256)), make.fmt_chunk(tag=tag, bits=8)))
    expected, _ = soundfile.read(path, dtype="int16")
    audio = decode(path)
    np.testing.assert_array_equal(audio.pcm[:, 0], expected)
    assert len(set(audio.pcm[:, 0].tolist())) == (256 if tag == 6 else 255)  # mu-law has two zeros


def test_g711_values_of_the_recommendation(tmp_path: Path) -> None:
    """ITU-T G.711: the largest A-law output is 4032/4096 of 16 bits, the largest mu-law output 8031/8192."""
    alaw = decode(write(tmp_path, make.wav(bytes([0xAA, 0x2A, 0xD5, 0x55]), make.fmt_chunk(tag=6, bits=8))))
    assert alaw.pcm[:, 0].tolist() == [32256, -32256, 8, -8]
    mulaw = decode(write(tmp_path, make.wav(bytes([0x80, 0x00, 0xFF, 0x7F]), make.fmt_chunk(tag=7, bits=8))))
    assert mulaw.pcm[:, 0].tolist() == [32124, -32124, 0, 0]


@pytest.mark.parametrize(
    ("subtype", "tolerance"),
    [
        ("GSM610", 0),
        ("IMA_ADPCM", 1),
        ("MS_ADPCM", 64),
        ("PCM_24", 0),
        ("FLOAT", 1),
    ],  # the two round MS ADPCM's predictor differently
)
def test_wav_written_by_libsndfile_agrees_with_libsndfile(tmp_path: Path, subtype: str, tolerance: int) -> None:
    x = make.tone(1.0)
    path = tmp_path / "call.wav"
    soundfile.write(path, x / 32768.0, 8000, subtype=subtype)
    expected, _ = soundfile.read(path, always_2d=True)
    expected = np.rint(expected * 32768)
    audio = decode(path)
    n = min(len(expected), len(audio.pcm))
    assert abs(len(audio.pcm) - len(x)) <= 320
    assert np.max(np.abs(audio.pcm[:n].astype(int) - expected[:n])) <= tolerance
    assert audio.info.notes == ()


def test_gsm_of_asterisk_without_a_header(tmp_path: Path) -> None:
    """Raw GSM 06.10 frames of 33 bytes; the same frames through the WAV packing of Microsoft give the same samples."""
    frames = bytes([0xD0] + [0x20] * 32) * 50
    audio = decode(write(tmp_path, frames, "call.gsm"))
    assert (audio.info.rate_hz, len(audio.pcm), audio.info.duration_ms) == (8000, 50 * 160, 1000)


def test_extensible_wav_and_rf64(tmp_path: Path) -> None:
    x = make.tone(0.1, channels=2)
    guid = struct.pack("<HHI", 22, 16, 3) + struct.pack("<H", 1) + bytes.fromhex("000000001000800000aa00389b71")
    extensible = decode(write(tmp_path, make.wav(x.tobytes(), make.fmt_chunk(tag=0xFFFE, channels=2, extra=guid)), "x.wav"))
    np.testing.assert_array_equal(extensible.pcm, x)
    soundfile.write(tmp_path / "r.wav", x, 8000, format="RF64")
    audio = decode(tmp_path / "r.wav")
    np.testing.assert_array_equal(audio.pcm, x)
    assert audio.info.notes == ()


def test_flac_is_exact_at_16_bits_and_rounded_at_24(tmp_path: Path) -> None:
    x = make.tone(0.5, 16000, 2)
    soundfile.write(tmp_path / "a.flac", x, 16000)
    np.testing.assert_array_equal(decode(tmp_path / "a.flac").pcm, x)
    deep = x.astype(np.int32) << 16
    soundfile.write(tmp_path / "b.flac", deep + (0x9000 << 0), 16000, subtype="PCM_24")
    np.testing.assert_array_equal(decode(tmp_path / "b.flac").pcm, x + 1)


# ---------------------------------------------------------------- compressed formats

COMPRESSED = [
    ("mp3", "libmp3lame", 8000, 1),
    ("mp3", "libmp3lame", 16000, 2),
    ("mp3", "libmp3lame", 44100, 2),
    ("ogg", "libopus", 8000, 2),
    ("ogg", "libopus", 48000, 1),
    ("webm", "libopus", 48000, 1),
    ("ipod", "aac", 8000, 2),
    ("ipod", "aac", 44100, 1),
    ("adts", "aac", 16000, 1),
    ("amr", "libopencore_amrnb", 8000, 1),
    ("3gp", "libopencore_amrnb", 8000, 1),
]


@pytest.mark.parametrize(("container", "codec", "rate_hz", "channels"), COMPRESSED)
def test_compressed_formats_keep_length_time_and_level(tmp_path: Path, container: str, codec: str, rate_hz: int, channels: int) -> None:
    """A burst from 1.0 s to 1.5 s in 3 s of near silence is found at its place and level; no note is made."""
    x = make.tone(3.0, rate_hz, channels, peak=8000.0)
    at = np.arange(len(x)) / rate_hz
    x[(at < 1.0) | (at >= 1.5)] //= 1000
    audio = decode(write(tmp_path, make.encoded(container, codec, x, rate_hz), "call.bin"))
    assert audio.info.rate_hz == (48000 if codec == "libopus" else rate_hz)
    assert audio.info.channels == channels
    bare = container in ("adts", "amr", "3gp")  # these cannot say how much of the last frames is padding
    assert abs(audio.info.duration_ms - 3000) <= (200 if container == "adts" else 60 if bare else 20)
    loud = np.flatnonzero(np.abs(audio.pcm[:, 0].astype(int)) > 4000) * 1000 / audio.info.rate_hz
    late = 1024 * 1000 / rate_hz if container == "adts" else 0  # ADTS keeps the encoder's delay
    assert abs(loud[0] - 1000 - late) <= 20 and abs(loud[-1] - 1500 - late) <= 20
    middle = audio.pcm[round((1.2 + late / 1000) * audio.info.rate_hz) : round((1.3 + late / 1000) * audio.info.rate_hz), 0]
    rms = float(np.sqrt(np.mean(middle.astype(float) ** 2)))
    assert 20 * np.log10(rms / (8000 / np.sqrt(2))) == pytest.approx(0.0, abs=3.0 if "amr" in codec else 0.5)  # AMR is made for speech
    assert audio.info.notes == ()


def test_opus_and_mp3_lengths_are_exact(tmp_path: Path) -> None:
    """Pre-skip and granule position (RFC 7845, 4), LAME delay and padding: to the sample."""
    x = make.tone(1.2345, 8000)
    assert len(decode(write(tmp_path, make.encoded("mp3", "libmp3lame", x, 8000), "a.mp3")).pcm) == len(x)
    assert len(decode(write(tmp_path, make.encoded("ogg", "libopus", x, 8000), "a.opus")).pcm) == 6 * len(x)


def test_cover_pictures_are_no_video(tmp_path: Path) -> None:
    x = make.tone(1.0, 16000)
    mp3 = make.with_id3_cover(make.encoded("mp3", "libmp3lame", x, 16000), make.png())
    assert len(decode(write(tmp_path, mp3, "a.mp3")).pcm) == len(x)
    m4a = make.with_m4a_cover(make.encoded("ipod", "aac", x, 16000), make.png())
    assert abs(len(decode(write(tmp_path, m4a, "a.m4a")).pcm) - len(x)) <= 16


# ---------------------------------------------------------------- headers that lie


@pytest.mark.parametrize(
    ("lies", "note"),
    [
        ({"data_size": 0, "riff_size": 0}, "文件头没有写明数据长度(声明 0 毫秒),实际解码 1000 毫秒"),
        ({"data_size": 0xFFFFFFFF, "riff_size": 0xFFFFFFFF}, "文件头没有写明数据长度(声明 0 毫秒),实际解码 1000 毫秒"),
        ({"data_size": 32000}, "文件头声明 2000 毫秒,实际解码 1000 毫秒;文件可能被截断,以实际为准"),
        ({"data_size": 8000}, "文件头声明 500 毫秒,实际解码 1000 毫秒;文件头写短了,以实际为准"),
        ({"riff_size": 0}, "RIFF 头声明 0 字节,实有 16036 字节;数据块声明 1000 毫秒,实际解码 1000 毫秒"),
        ({"riff_size": 99999}, "RIFF 头声明 99999 字节,实有 16036 字节;数据块声明 1000 毫秒,实际解码 1000 毫秒"),
    ],
)
def test_lying_sizes_are_decoded_for_what_is_there(tmp_path: Path, lies: dict[str, int], note: str) -> None:
    x = make.tone(1.0)
    audio = decode(write(tmp_path, make.pcm16_wav(x, **lies)))
    np.testing.assert_array_equal(audio.pcm, x)
    assert audio.info.notes == (note,)


@pytest.mark.parametrize("data_size", [0, 0xFFFFFFFF, 500, 99999])
def test_lying_sizes_of_alaw_and_gsm(tmp_path: Path, data_size: int) -> None:
    alaw = decode(write(tmp_path, make.wav(b"\x55\xd5" * 4000, make.fmt_chunk(tag=6, bits=8), data_size=data_size)))
    assert len(alaw.pcm) == 8000 and len(alaw.info.notes) == 1
    fmt = make.chunk(b"fmt ", struct.pack("<HHIIHHHH", 0x31, 1, 8000, 1625, 65, 0, 2, 320))
    soundfile.write(tmp_path / "gsm.wav", make.tone(1.0), 8000, subtype="GSM610")
    raw = (tmp_path / "gsm.wav").read_bytes()
    body = raw[raw.rfind(b"data") + 8 :][: 25 * 65]
    gsm = decode(write(tmp_path, make.wav(body, fmt, data_size=data_size)))
    assert len(gsm.pcm) == 8000 and len(gsm.info.notes) == 1
    np.testing.assert_array_equal(gsm.pcm[:, 0], soundfile.read(tmp_path / "gsm.wav", dtype="int16")[0][:8000])


def test_other_chunks_are_not_played(tmp_path: Path) -> None:
    """Odd chunks with and without the padding byte before the data, others behind it, a wrong fact: samples stay exact."""
    x = make.tone(0.5)
    body, fmt = x.tobytes(), make.fmt_chunk()
    after = make.chunk(b"LIST", b"INFOISFT\x05\0\0\0Lavf\0")
    for name, data in {
        "padded": make.wav(body, fmt, before=make.chunk(b"junk", b"abc")),
        "unpadded": make.wav(body, fmt, before=make.chunk(b"junk", b"abc", pad=False)),
        "behind": make.wav(body, fmt, after=after),
        "zeros behind": make.wav(body, fmt) + bytes(100),
        "fact": make.wav(body, fmt, before=make.chunk(b"fact", struct.pack("<I", 7))),
    }.items():
        audio = decode(write(tmp_path, data))
        np.testing.assert_array_equal(audio.pcm, x, err_msg=name)
        assert audio.info.notes == (), name


def test_odd_data_chunk_and_half_a_sample(tmp_path: Path) -> None:
    odd = decode(write(tmp_path, make.wav(b"\xd5" * 801, make.fmt_chunk(tag=6, bits=8), after=make.chunk(b"LIST", b"INFO"))))
    assert len(odd.pcm) == 801 and odd.info.notes == ()
    cut = decode(write(tmp_path, make.pcm16_wav(make.tone(0.5, channels=2))[:-3]))
    assert len(cut.pcm) == 3999 and len(cut.info.notes) == 1


def test_block_size_and_bits_of_a_wrong_fmt_chunk_are_repaired(tmp_path: Path) -> None:
    fmt = make.chunk(b"fmt ", struct.pack("<HHIIHH", 1, 2, 8000, 77, 0, 16))
    x = make.tone(0.5, channels=2)
    np.testing.assert_array_equal(decode(write(tmp_path, make.wav(x.tobytes(), fmt))).pcm, x)
    alaw = make.chunk(b"fmt ", struct.pack("<HHIIHH", 6, 1, 8000, 8000, 1, 16))
    assert len(decode(write(tmp_path, make.wav(b"\xd5" * 800, alaw))).pcm) == 800


def test_data_behind_a_chunk_with_a_wrong_size_is_found(tmp_path: Path) -> None:
    x = make.tone(0.5)
    data = make.wav(x.tobytes(), make.fmt_chunk(), before=make.chunk(b"LIST", b"INFO", size=0x7FFFFFFF))
    np.testing.assert_array_equal(decode(write(tmp_path, data)).pcm, x)


@pytest.mark.parametrize(("container", "codec"), [("mp3", "libmp3lame"), ("ogg", "libopus"), ("flac", "flac"), ("ipod", "aac")])
def test_truncated_in_the_middle_is_decoded_with_a_note(tmp_path: Path, container: str, codec: str) -> None:
    x = (np.random.default_rng(7).normal(0, 3000, (5 * 16000, 1))).astype(np.int16)
    options = {"movflags": "faststart"} if container == "ipod" else {}
    path = tmp_path / "whole.bin"
    if options:  # FFmpeg can move the index to the front in a file only
        path.write_bytes(_faststart(tmp_path, x))
    else:
        path.write_bytes(make.encoded(container, codec, x, 16000))
    whole = path.read_bytes()
    audio = decode(write(tmp_path, whole[: len(whole) * 6 // 10], "cut.bin"))
    assert 1900 <= audio.info.duration_ms <= 4000
    assert any(f"实际解码 {audio.info.duration_ms} 毫秒" in note for note in audio.info.notes), audio.info.notes


def _faststart(folder: Path, x: np.ndarray) -> bytes:
    import av

    source = folder / "plain.m4a"
    source.write_bytes(make.encoded("ipod", "aac", x, 16000))
    with av.open(str(source)) as a, av.open(str(folder / "fast.m4a"), "w", format="ipod", options={"movflags": "faststart"}) as b:
        out = b.add_stream_from_template(a.streams.audio[0])
        for packet in a.demux(audio=0):
            if packet.dts is not None:
                packet.stream = out
                b.mux(packet)
    return (folder / "fast.m4a").read_bytes()


def test_a_hole_in_the_middle_keeps_later_times(tmp_path: Path) -> None:
    """A broken stretch of FLAC becomes silence and a note; what follows stays at its time."""
    x = (np.random.default_rng(3).normal(0, 3000, (4 * 8000, 1))).astype(np.int16)
    data = bytearray(make.encoded("flac", "flac", x, 8000))
    middle = len(data) // 2
    data[middle : middle + 40] = bytes(40)
    audio = decode(write(tmp_path, bytes(data), "a.flac"))
    assert abs(len(audio.pcm) - len(x)) <= 8
    np.testing.assert_array_equal(audio.pcm[-4000:], x[-4000:])
    np.testing.assert_array_equal(audio.pcm[:8000], x[:8000])
    assert any("以静音代替" in note for note in audio.info.notes)


# ---------------------------------------------------------------- real files, memory, folder


@pytest.mark.skipif(not REAL.is_dir(), reason="real recordings are not here")
def test_real_files_decode_to_their_true_length() -> None:
    with (REAL / "LIST.tsv").open(encoding="utf-8") as table:
        rows = [row for row in csv.DictReader(table, delimiter="\t", quoting=csv.QUOTE_NONE) if row["duration_s"]]
    assert len(rows) == 25
    noted = set()
    for row in rows:
        info = decode(REAL / row["file"]).info
        assert abs(info.duration_ms - 1000 * float(row["duration_s"])) <= 20, row["file"]
        assert (info.rate_hz, info.channels, info.sha256) == (int(row["sample_rate"]), int(row["channels"]), row["sha256"])
        noted |= {row["file"]} if info.notes else set()
    assert noted == {"aliyun_nls_b_test0.wav", "aliyun_nls_b_test1.wav", "aliyun_nls_b_test2.wav"}


def test_memory_stays_near_the_size_of_the_samples(tmp_path: Path) -> None:
    seconds = 600
    body = np.random.default_rng(1).bytes(seconds * 8000 * 2)
    path = write(tmp_path, make.wav(body, make.fmt_chunk(tag=6, channels=2, bits=8)))
    del body
    tracemalloc.start()
    audio = decode(path)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert audio.pcm.nbytes == seconds * 8000 * 2 * 2
    assert peak < 2 * audio.pcm.nbytes


def test_suffixes_are_lower_case_and_hold_what_switches_write() -> None:
    assert all(s.startswith(".") and s == s.lower() for s in SUFFIXES)
    assert {".wav", ".mp3", ".opus", ".ogg", ".flac", ".m4a", ".amr", ".gsm"} <= SUFFIXES
    assert not {".txt", ".csv", ".json", ".db"} & SUFFIXES
