"""Long recordings, a block at a time: the same figures as of the whole, and memory that does not grow."""

from __future__ import annotations

import gc
import itertools
import json
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import make_audio as make
import numpy as np
import pytest
import soxr
import stage_digests
from make_audio import write

from qa import acoustics, activity, asr, blocks, decode, models, speakers, spool
from qa.blocks import GRID_S, Wave
from qa.errors import AudioError, BatchError
from qa.levels import SpeechVoltmeter, active_speech_level
from qa.tones import telephone_band, tones_of
from qa.types import Acoustics, Audio, AudioInfo, Float32Array, Span, SpeechActivity

SAMPLES = stage_digests.SAMPLES
MINUTES = 25
WHOLE_S = 100_000


def call_of(pcm: Any, rate_hz: int = 8000) -> Audio:
    ms = len(pcm) * 1000 // rate_hz
    return Audio(AudioInfo("long.wav", "0" * 64, "wav", "pcm_s16le", rate_hz, pcm.shape[1], ms), pcm)


def noise(seconds: float, rate_hz: int, seed: int = 1) -> Float32Array:
    return (0.1 * np.random.default_rng(seed).standard_normal(round(seconds * rate_hz))).astype(np.float32)


def test_a_recording_of_one_block_gives_the_results_that_it_always_gave() -> None:
    """The digests were written before recordings were divided."""
    known = json.loads(stage_digests.DIGESTS.read_text())
    if known["environment"] != stage_digests.environment():
        pytest.skip("other libraries, another processor or another version of a stage: exact results are not comparable")
    for name, digests in known["files"].items():
        assert stage_digests.of(SAMPLES / name) == digests, name


# ---------------------------------------------------------------- blocks


@pytest.mark.parametrize("rate_hz", [8000, 11025, 16000, 44100])
@pytest.mark.parametrize("overlap_s", [0, 24])
@pytest.mark.parametrize("seconds", [0, 0.01, 599.99, 600, 600.01, 601, 1175, 1177, 3600, 14_399.3])
def test_blocks_cover_a_recording_overlap_as_asked_and_stay_below_the_limit(rate_hz: int, overlap_s: int, seconds: float) -> None:
    wave = Wave(lambda start, end: np.zeros(0, np.float32), round(seconds * rate_hz), rate_hz)
    found = wave.blocks(overlap_s)
    assert found[0][0] == 0 and found[-1][1] == wave.length
    assert all(0 <= end - start <= blocks.BLOCK_S * rate_hz and start % (GRID_S * rate_hz) == 0 for start, end in found)
    assert all(one[1] - two[0] == overlap_s * rate_hz for one, two in itertools.pairwise(found))
    assert (len(found) == 1) == (seconds <= 600)
    assert all(end - start >= 0.4 * blocks.BLOCK_S * rate_hz for start, end in found) or len(found) == 1  # none too short to judge by


@pytest.mark.parametrize(("rate_hz", "to_hz"), [(8000, 16000), (44100, 8000), (11025, 16000)])
def test_resampling_by_blocks_is_that_of_the_whole(monkeypatch: pytest.MonkeyPatch, rate_hz: int, to_hz: int) -> None:
    x = noise(61.3, rate_hz)

    def convert(y: Float32Array) -> Float32Array:
        return np.asarray(soxr.resample(y, rate_hz, to_hz), np.float32)

    whole = convert(x)
    monkeypatch.setattr(blocks, "BLOCK_S", 16)
    wave = Wave.of(x, rate_hz).through(convert, to_hz)
    assert abs(wave.length - len(whole)) <= 1 and len(wave.blocks(4)) > 4
    for start, end in [*wave.blocks(4), (12345, 23456), (wave.length - 100, wave.length + 100)]:
        read = wave.read(start, end)
        assert len(read) == len(whole[start:end])
        np.testing.assert_allclose(read, whole[start:end], atol=2e-6)


@pytest.mark.parametrize("seed", range(4))
def test_the_active_level_does_not_depend_on_how_the_channel_is_divided(seed: int) -> None:
    rng = np.random.default_rng(seed)
    gates = np.repeat(rng.choice([0.0, 1e-4, 0.3], 120), rng.integers(100, 3000, 120))
    x = (gates * rng.standard_normal(len(gates))).astype(np.float32)
    whole = active_speech_level(x, 8000)
    meter = SpeechVoltmeter(8000)
    for piece in np.split(x, np.sort(rng.integers(0, len(x), 200))):
        meter.add(piece)
    assert meter.level().level_dbov == pytest.approx(whole.level_dbov, abs=1e-9)
    assert meter.level().activity_factor == pytest.approx(whole.activity_factor, abs=1e-12)


@pytest.mark.parametrize("seed", range(4))
def test_runs_at_the_rail_go_on_from_a_piece_to_the_next(seed: int) -> None:
    rng = np.random.default_rng(seed)
    at_rail = rng.random(2000) < 0.7
    expected = [len(list(run)) for value, run in itertools.groupby(at_rail.tolist()) if value]
    pieces = np.split(at_rail, np.sort(rng.integers(0, 2000, 600)))
    assert acoustics._long_runs(pieces) == [n for n in expected if n >= 3]


# ---------------------------------------------------------------- stages


@pytest.fixture(scope="module")
def long_call() -> tuple[Audio, SpeechActivity]:
    """Calls one behind the other, with what crosses the borders of blocks: a ring, a clipped passage, a long tone, a direct current."""
    pcm, spans, at = [], ([], []), 0  # type: ignore[var-annotated]
    heard = {n: decode.decode(SAMPLES / f"{n}.wav") for n in ("17_four_rings", "16_clipped", "02_clean_bill")}
    found = {n: activity.detect(a) for n, a in heard.items()}
    for name in itertools.islice(itertools.cycle(heard), 100):
        length = len(heard[name].pcm) // 80 * 80
        pcm.append(heard[name].pcm[:length])
        for k in (0, 1):
            spans[k].extend(Span(s.start_ms + at, min(s.end_ms, length // 8) + at) for s in found[name].channels[k])
        at += length // 8
    x = np.concatenate(pcm)[: MINUTES * 60 * 8000].astype(np.int32)
    t = np.arange(len(x)) / 8000
    for begin, end in ((199.5, 200.5), (300.0, 320.0), (599.9, 600.4)):
        inside = slice(round(begin * 8000), round(end * 8000))
        x[inside] = np.rint(3000 * np.sin(2 * np.pi * 450 * t[inside]))[:, None]
    x[8000 * 400 - 50 : 8000 * 400 + 50, 0] = 32767
    x[:, 1] += 200
    ends = MINUTES * 60_000
    inside_spans = tuple(tuple(Span(s.start_ms, min(s.end_ms, ends)) for s in row if s.start_ms < ends) for row in spans)
    return call_of(np.clip(x, -32768, 32767).astype(np.int16)), SpeechActivity(inside_spans, "made")


def measured(audio: Audio, heard: SpeechActivity, block_s: int, monkeypatch: pytest.MonkeyPatch) -> Acoustics:
    monkeypatch.setattr(blocks, "BLOCK_S", block_s)
    return acoustics.measure(audio, heard)


@pytest.mark.parametrize("block_s", [100, 200])
def test_acoustics_by_blocks_are_those_of_the_whole(
    long_call: tuple[Audio, SpeechActivity], monkeypatch: pytest.MonkeyPatch, block_s: int
) -> None:
    """At the rate of the telephone nothing is resampled, and every figure and tone is the same."""
    whole, parts = (measured(*long_call, s, monkeypatch) for s in (WHOLE_S, block_s))
    assert parts == whole
    assert any(t.span.start_ms < 200_000 < t.span.end_ms and 990 <= t.span.duration_ms <= 1010 for t in parts.tones)
    assert parts.channels[0].clipped_ratio > 0
    for one, two in zip(whole.channels, parts.channels, strict=True):
        np.testing.assert_array_equal(two.level_dbov, one.level_dbov)
        np.testing.assert_array_equal(two.pitch_hz, one.pitch_hz)


def test_acoustics_of_wideband_calls_by_blocks(monkeypatch: pytest.MonkeyPatch, long_call: tuple[Audio, SpeechActivity]) -> None:
    """Where the band is resampled: levels the same, pitch the same to 0.5 % in 99.9 % of the frames, tones to 2 ms, 0.05 Hz and 0.02 dB."""
    audio, heard = long_call
    minutes = audio.pcm[: 6 * 60 * 8000]
    wide = call_of(np.rint(soxr.resample(minutes.astype(np.float64), 8000, 16000)).clip(-32768, 32767).astype(np.int16), 16000)
    spans = tuple(tuple(s for s in row if s.end_ms <= 360_000) for row in heard.channels)
    whole, parts = (measured(wide, SpeechActivity(spans, "made"), s, monkeypatch) for s in (WHOLE_S, 60))
    assert len(parts.tones) == len(whole.tones) > 4
    for one, two in zip(whole.tones, parts.tones, strict=True):
        assert (one.kind, one.channel) == (two.kind, two.channel)
        assert abs(one.span.start_ms - two.span.start_ms) <= 2 and abs(one.span.end_ms - two.span.end_ms) <= 2
        assert abs(one.frequency_hz - two.frequency_hz) <= 0.05 and abs(one.level_dbov - two.level_dbov) <= 0.02
    for a, b in zip(whole.channels, parts.channels, strict=True):
        assert (a.peak_dbov, a.clipped_ratio, a.noise_floor_dbov) == (b.peak_dbov, b.clipped_ratio, b.noise_floor_dbov)
        assert a.active_level_dbov == pytest.approx(b.active_level_dbov, abs=0.01)
        assert np.mean(~np.isclose(a.pitch_hz, b.pitch_hz, rtol=0.005)) <= 0.001


def test_a_tone_of_many_blocks_is_one_tone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(blocks, "BLOCK_S", 16)
    x = (0.1 * np.sin(2 * np.pi * 450 * np.arange(8000 * 100) / 8000)).astype(np.float32)
    x[: 8000 * 5] = 0
    (tone,) = tones_of(Wave.of(telephone_band(x, 8000), 8000), 0)
    assert abs(tone.span.start_ms - 5000) <= 5 and tone.span.end_ms == 100_000


@pytest.mark.parametrize("copied", [True, False])
def test_one_signal_twice_is_found_over_many_blocks(
    long_call: tuple[Audio, SpeechActivity], monkeypatch: pytest.MonkeyPatch, copied: bool
) -> None:
    pcm = long_call[0].pcm[: 300 * 8000]
    both = np.stack([pcm[:, 0], np.roll(pcm[:, 0], 2) // 2 if copied else pcm[:, 1]], axis=1)
    spans = tuple(s for s in long_call[1].channels[0] if s.end_ms <= 300_000)
    found = measured(call_of(both), SpeechActivity((spans, spans), "made"), 40, monkeypatch)
    assert found.same_channels is copied


def speech_frames(audio: Audio, block_s: int, monkeypatch: pytest.MonkeyPatch) -> list[activity.BoolArray]:
    monkeypatch.setattr(blocks, "BLOCK_S", block_s)
    tracks = []
    for row in activity.detect(audio).channels:
        track = np.zeros(len(audio.pcm) // 80, bool)
        for span in row:
            track[span.start_ms // 10 : span.end_ms // 10] = True
        tracks.append(track)
    return tracks


@pytest.mark.parametrize(("name", "tolerance"), [("01_clean_broadband", 0.004), ("02_clean_bill", 0.025)])
def test_speech_of_a_long_recording(monkeypatch: pytest.MonkeyPatch, name: str, tolerance: float) -> None:
    """One call again and again for eight minutes, in seven blocks: nearly the speech of the whole, no further from the call alone.

    A detector remembers: the second call hears some pauses of 150 ms wider, so that the two cannot be equal.
    """
    one = decode.decode(SAMPLES / f"{name}.wav").pcm
    one = one[: len(one) // 2400 * 2400]
    times = -(-480 * 8000 // len(one))
    repeated = call_of(np.tile(one, (times, 1)))
    alone = [np.tile(track, times) for track in speech_frames(call_of(one), WHOLE_S, monkeypatch)]
    whole, parts = (speech_frames(repeated, s, monkeypatch) for s in (WHOLE_S, 96))
    for single, undivided, divided in zip(alone, whole, parts, strict=True):
        assert np.mean(divided != undivided) <= tolerance
        assert np.mean(divided != single) <= np.mean(undivided != single) + 0.002


def joined(first: Callable[[np.ndarray[Any, Any]], Any], second: Callable[[np.ndarray[Any, Any]], Any]) -> Any:
    """Two blocks of 10,000 frames, the second one from frame 7,600 on; the functions say where each hears speech."""
    (found,) = activity._joined([np.asarray(first(np.arange(10_000)))], [np.asarray(second(np.arange(7600, 17_600)))], 7600)
    assert len(found) == 17_600
    return found


def test_blocks_are_joined_in_the_longest_silence_that_both_hear() -> None:
    """Speech but for 8500-8600 and 9000-9300; what a block hears at its ends (before 8000, after 9600) is left to the other."""
    found = joined(
        lambda t: ~((t >= 8500) & (t < 8600) | (t >= 9000) & (t < 9300)) & (t < 9700),
        lambda t: ~((t >= 8500) & (t < 8600) | (t >= 9000) & (t < 9300)) & (t >= 7900),
    )
    assert activity.runs(found) == [(0, 8500), (8600, 9000), (9300, 17_600)]


def test_speech_without_a_pause_is_not_cut_by_a_border() -> None:
    assert activity.runs(joined(lambda t: t >= 0, lambda t: t >= 0)) == [(0, 17_600)]


def test_blocks_that_never_agree_are_still_joined() -> None:
    assert activity.runs(joined(lambda t: t >= 0, lambda t: t < 0)) == [(0, 8800)]


# ---------------------------------------------------------------- transcription


@pytest.mark.parametrize("seed", range(5))
def test_clips_are_decoded_in_whole_batches_of_one_block(monkeypatch: pytest.MonkeyPatch, seed: int) -> None:
    monkeypatch.setattr(blocks, "BLOCK_S", 60)
    rng = np.random.default_rng(seed)
    edges = np.cumsum(rng.choice([300, 900, 5000, 70_000], 400, p=[0.5, 0.3, 0.19, 0.01])).tolist()
    spans = [Span(a, b) for a, b in zip(edges[0::2], edges[1::2], strict=True) if b - a <= 12_000]
    groups = list(asr._groups(spans, 4))
    assert [s for _, group in groups for s in group] == spans
    assert all(0 <= base <= group[0].start_ms and group[-1].end_ms <= base + 60_000 and base % 4000 == 0 for base, group in groups)
    assert all(len(group) % 4 == 0 for _, group in groups if len(group) > 4 and group[-1] != spans[-1])
    assert any(len(group) > 4 for _, group in groups) and len(groups) > 3


@pytest.mark.slow
def test_a_call_is_transcribed_by_blocks_as_in_one(monkeypatch: pytest.MonkeyPatch) -> None:
    one = decode.decode(SAMPLES / "02_clean_bill.wav").pcm
    audio = call_of(np.tile(one, (-(-120 * 8000 // len(one)), 1))[: 120 * 8000])
    recogniser = asr.Recogniser(models.locate("demo"), threads=1)
    heard = activity.detect(audio)
    said = []
    for block_s in (WHOLE_S, 40):
        monkeypatch.setattr(blocks, "BLOCK_S", block_s)
        said.append(asr.transcribe(recogniser, audio, heard, speakers.speakers(audio, heard, False), ()))
    whole, parts = said
    assert [u.text for u in parts.utterances] == [u.text for u in whole.utterances] and len(whole.utterances) >= 15
    words = [[w for u in t.utterances for w in u.words] for t in said]
    assert all(abs(a.span.start_ms - b.span.start_ms) <= 40 for a, b in zip(*words, strict=True))
    assert [(e.which, e.speaker, e.span, "".join(w.text for w in e.words)) for e in parts.edges] == [
        (e.which, e.speaker, e.span, "".join(w.text for w in e.words)) for e in whole.edges
    ]


# ---------------------------------------------------------------- where the samples lie


@pytest.fixture
def small_memory(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """Samples beyond 10,000 bytes go to a file in the folder that comes back."""
    folder = tmp_path / "temporary"
    folder.mkdir()
    monkeypatch.setattr(spool, "MEMORY_BYTES", 10_000)
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    return folder


@pytest.mark.parametrize("container", ["wav", "mp3"])
def test_samples_in_a_file_are_the_samples_in_memory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, small_memory: Path, container: str
) -> None:
    x = make.tone(3.0, channels=2)
    data = make.pcm16_wav(x) if container == "wav" else make.encoded("mp3", "libmp3lame", x, 8000)
    path = write(tmp_path, data, f"call.{container}")
    in_file = decode.decode(path)
    assert in_file.mapping is not None and list(small_memory.iterdir()) == []  # it has no name that could be left behind
    monkeypatch.setattr(spool, "MEMORY_BYTES", 1 << 30)
    in_memory = decode.decode(path)
    assert in_memory.mapping is None and in_memory.info == in_file.info
    np.testing.assert_array_equal(in_file.pcm, in_memory.pcm)
    assert not in_file.pcm.flags.writeable
    np.testing.assert_array_equal(in_file.channel(1, 100, 20_000), in_memory.channel(1)[100:20_000])
    np.testing.assert_array_equal(in_file.samples(0, 5), in_memory.pcm[5:, 0])


def test_padding_is_cut_from_samples_in_a_file(tmp_path: Path, small_memory: Path) -> None:
    x = make.tone(3.0, 16000)
    audio = decode.decode(write(tmp_path, make.encoded("mp4", "aac", x, 16000), "call.m4a"))
    assert audio.mapping is not None and abs(len(audio.pcm) - len(x)) <= 16


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="needs Linux")
def test_pages_are_given_back_behind_the_reader(tmp_path: Path) -> None:
    def resident_mib() -> float:
        lines = dict(line.split(":", 1) for line in Path("/proc/self/status").read_text().splitlines())
        return sum(int(lines[name].split()[0]) for name in ("RssFile", "RssShmem")) / 1024

    body = np.random.default_rng(1).bytes(spool.MEMORY_BYTES // 2 + 1000)
    audio = decode.decode(write(tmp_path, make.wav(body, make.fmt_chunk(tag=6, bits=8))))
    mib = audio.pcm.nbytes / (1 << 20)
    before = resident_mib()
    assert audio.pcm.any() and audio.pcm.sum(dtype=np.int64) is not None
    assert resident_mib() - before > 0.9 * mib
    assert len(audio.channel(0, 1000, 2000)) == 1000
    assert resident_mib() - before < 0.1 * mib


def open_files() -> int:
    folder = Path("/proc/self/fd")
    return len(list(folder.iterdir())) if folder.exists() else 0


def test_an_error_late_in_a_long_file_is_one_clear_error(tmp_path: Path, small_memory: Path) -> None:
    """The rate changes behind three seconds: no half a call, and no file stays open."""
    halves = [make.encoded("mp3", "libmp3lame", make.tone(3.0, rate), rate, {"write_xing": "0"}) for rate in (16000, 24000)]
    before = open_files()
    with pytest.raises(AudioError, match="中途改变"):
        decode.decode(write(tmp_path, b"".join(halves), "call.mp3"))
    gc.collect()
    assert open_files() <= before


@pytest.mark.parametrize("full_at", ["open", "write"])
def test_a_full_temporary_folder_is_no_fault_of_the_recording(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, small_memory: Path, full_at: str
) -> None:
    """It would be full for the next recording, too: the run stops instead of putting recordings aside."""

    def full(*_: object, **__: object) -> Any:
        if full_at == "open":
            raise OSError(28, "No space left on device")
        return Path("/dev/full").open("wb")

    monkeypatch.setattr(tempfile, "TemporaryFile", full)
    with pytest.raises(BatchError, match=f"{small_memory}.*TMPDIR"):
        decode.decode(write(tmp_path, make.pcm16_wav(make.tone(200.0))))
