"""Speech activity: where somebody speaks, channel by channel, on a grid of 30 ms.

Three detectors look at frames of 10 ms: Silero (``qa.silero``) knows speech from noise, tones and music but is late at edges
and deaf to some voices when they are loud; webrtcvad finds every onset but fires on noise, hum and music and holds on for
100-150 ms; the energy above the noise floor marks edges sharply in a quiet line and fails in noise. A logistic regression
weighs the three, frame by frame, and the two-state Viterbi path over its log-odds (one constant cost a switch) decides.
``benchmarks/activity.py`` measures each detector and each combination on noise at several levels and fits the weights
(``--fit``) on voices that it does not evaluate on; its table is ``benchmarks/activity.md``. Silero and the energy do most:
to the two together webrtcvad adds a few tenths of a per cent fewer false and missed frames, and in noise it sharpens the
ends and blurs the onsets by about as much.

Sources: Silero VAD v6 (snakers4/silero-vad); WebRTC VAD (py-webrtcvad); Viterbi smoothing as in Rabiner, Proc. IEEE 77(2), 1989.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import scipy.ndimage
import scipy.signal
import soxr
import webrtcvad

from qa import blocks, channels, silero, tones
from qa.activity_weights import BIAS, WEIGHTS
from qa.blocks import Wave
from qa.types import Audio, Float32Array, Span, SpeechActivity

Float64Array = npt.NDArray[np.float64]
BoolArray = npt.NDArray[np.bool_]

RATE_HZ = 16000
FRAME_MS = 10
_FRAME = RATE_HZ * FRAME_MS // 1000
_NO_RUMBLE = scipy.signal.butter(2, 20.0, "highpass", fs=RATE_HZ, output="sos")
_FLOOR_DB = -72.0  # idle noise of A-law after pre-emphasis: nothing quieter is told apart
# Silero hears synthetic and some loud voices only at a low level with a little noise under it (see the benchmark).
_SECOND_LEVEL_DB, _SECOND_NOISE_DB = -38.0, -68.0
_WEBRTC_MODES = (1, 2, 3)
_OVERLAP_S = 24  # that two blocks of a long recording share
_NO_LOUDER, _CODED = 2.0, 0.75  # a codec on the way leaves more, though no more is heard than was due
_DROWNED, _LEAST_ECHO = 2.0, 0.85  # what is left is the noise, and the echo is more than chance
_LEAST_LEAK_MS = 150  # a shorter one holds no word
_COPY_DB = -10.5  # a channel that holds nothing but the other, hardly quieter, is its copy (qa.channels.same_signal) and no leak
_GUARD = 400  # frames at the ends of a block that are better judged by its neighbour
GROUPS = ("silero", "webrtcvad", "energy")


@dataclass(frozen=True)
class ActivitySettings:
    """How log-odds become spans.

    ``switch_cost``: log-odds that a change between speech and silence costs.  ``least_silero``: probability (0-1) that
    Silero must reach somewhere in a stretch of speech, heard forwards or backwards.  ``grid_ms``: spans start and end on multiples of it.
    ``leak_db``: a channel that is at least so much quieter than the other, speaking, channel may hold only its crosstalk;
    it does if the two waveforms agree by ``leak_correlation`` (0-1) or if it is ``leak_below_db`` quieter than the
    channel's own speech.  Where the way of the other voice into the channel is known (``qa.channels.leak_path``), ``echo_db`` quieter
    is enough, if no more than ``echo_rest`` (0-1) of the power is left when what came that way is taken off, or no more than the noise.
    """

    switch_cost: float = 6.0
    least_silero: float = 0.4
    grid_ms: int = 30
    leak_db: float = 20.0
    leak_correlation: float = 0.35
    leak_below_db: float = 18.0
    echo_db: float = 3.0
    echo_rest: float = 0.5

    def __post_init__(self) -> None:
        leaks = self.leak_db > 0 and self.echo_db >= 0 and 0 < self.leak_correlation <= 1 and 0 < self.echo_rest < 1
        if self.switch_cost < 0 or self.grid_ms < 1 or not leaks:
            raise ValueError(f"activity settings out of range: {self}")


@dataclass(frozen=True)
class Evidence:
    """What the detectors say of one channel, one value a frame of 10 ms.

    ``silero``: probabilities (3, frames) of the channel as it is, of the channel brought to a low level with a little
    noise, and of the latter heard backwards; ``votes``: webrtcvad (3, frames) in modes 1 to 3; ``energy_db``: level after
    pre-emphasis, -80 or more.
    """

    silero: Float64Array
    votes: BoolArray
    energy_db: Float64Array


def detect(audio: Audio, settings: ActivitySettings | None = None) -> SpeechActivity:
    """Stretches of speech of each channel.

    ``audio`` may have any sample rate; it is resampled to 16 kHz.  Speech down to about -50 dBov active level is found;
    ringback and other tones, music, hum and steady noise are not speech; the other channel's voice that leaks or comes back
    as an echo (up to 0.3 s late, 3 dB or more below it) is not speech of this one.  Spans are sorted, apart, on multiples of
    ``settings.grid_ms`` (30 ms) and inside the recording to within one grid step.  Less than 10 ms of audio
    holds no speech.  A recording longer than a block (``qa.blocks``) is heard in blocks that overlap, each with levels of its own.
    """
    settings, rate = settings or ActivitySettings(), audio.info.rate_hz
    waves = [blocks.channel(audio, i) for i in range(audio.info.channels)]
    if rate != RATE_HZ:
        waves = [w.through(lambda x: _resampled(x, rate), RATE_HZ) for w in waves]
    tracks: list[BoolArray] = []
    for start, end in waves[0].blocks(_OVERLAP_S):
        heard = _decided([w.read(start, end) for w in waves], settings)
        tracks = _joined(tracks, heard, start // _FRAME) if tracks else heard
    found = tuple(spans(track, settings.grid_ms) for track in tracks)
    active = found[: len(waves)]
    leaks = tuple(tuple(s for s in row if s.duration_ms >= _LEAST_LEAK_MS) for row in found[len(waves) :])
    return SpeechActivity(active, "silero+webrtcvad+energy", leaks if any(leaks) else ())


def _decided(waves: list[Float32Array], settings: ActivitySettings) -> list[BoolArray]:
    """Speech or not for each frame of each channel of a block; of two channels also where each holds a leak of the other."""
    with ThreadPoolExecutor(len(waves)) as pool:  # most of it needs no lock: a core a channel where there are two
        evidence = list(pool.map(gather, waves))
    odds = [log_odds(e) for e in evidence]
    active = [decide(o, e, settings) for o, e in zip(odds, evidence, strict=True)]
    if len(waves) == 2:
        leaks = [
            _leak(waves[i], waves[1 - i], evidence[i].energy_db, evidence[1 - i].energy_db, active[i], active[1 - i], settings)
            for i in (0, 1)
        ]
        leaks = [leak | _echo(waves[i], waves[1 - i], evidence[i], active[i], active[1 - i], settings) for i, leak in enumerate(leaks)]
        active = [
            decide(np.where(leak, -4.0, o), e, settings) if leak.any() else a
            for leak, o, e, a in zip(leaks, odds, evidence, active, strict=True)
        ]
        return active + [leak & ~a for leak, a in zip(leaks, active, strict=True)]
    return active


def _joined(before: list[BoolArray], block: list[BoolArray], begin: int) -> list[BoolArray]:
    """The decisions so far and those of the block that begins at the frame ``begin``.

    They are joined in the middle of the longest stretch in which both hear silence in all channels; where they never do, of the one in
    which they agree.  The ends of either are left out: there a detector lacks what comes before or behind.
    """
    one = np.stack([a[begin + _GUARD : len(a) - _GUARD] for a in before])
    two = np.stack([a[_GUARD : _GUARD + one.shape[1]] for a in block])
    agreed, silent = np.all(one == two, axis=0), np.all(~(one | two), axis=0)
    stretches = runs(np.asarray(silent)) or runs(np.asarray(agreed)) or [(0, one.shape[1])]
    first, last = max(stretches, key=lambda r: r[1] - r[0])
    seam = begin + _GUARD + (first + last) // 2
    return [np.concatenate([a[:seam], b[seam - begin :]]) for a, b in zip(before, block, strict=True)]


def gather(x: Float32Array) -> Evidence:
    """Run the three detectors over one channel ``x`` (16 kHz, -1..1), its tones and its rumble taken out."""
    count = len(x) // _FRAME
    if count == 0:
        return Evidence(np.zeros((3, 0)), np.zeros((len(_WEBRTC_MODES), 0), bool), np.zeros(0))
    x = scipy.signal.sosfilt(_NO_RUMBLE, x).astype(np.float32)  # rumble deafens Silero; recordings at a high rate can hold much of it
    x = tones.without_tones(x, RATE_HZ)  # a tone deafens Silero to what follows it, the more so in noise
    energy_db = _energy_db(x, count)
    low = np.random.default_rng(0).standard_normal(len(x), np.float32)  # in place: a block of samples is 38 MB
    low *= np.float32(10 ** (_SECOND_NOISE_DB / 20))
    low += x * np.float32(10 ** ((_SECOND_LEVEL_DB - _loud_level_db(x)) / 20))
    # The second signal starts half a window later, so that the two together see every 16 ms.  The third is the recording
    # backwards: late at the other edge, and no longer deaf to a word because of the silence before it.
    half = silero.WINDOW // 2
    plain, later, backward = silero.probabilities([x, low[half:], low[: count * _FRAME][::-1]])
    heard = np.stack([_by_frame(plain, 0, count), _by_frame(later, half, count), _by_frame(backward, 0, count)[::-1]])
    return Evidence(heard, _webrtc(x, count), energy_db)


def _energy_db(x: Float32Array, count: int) -> Float64Array:
    """Level of each frame after pre-emphasis."""
    emphasised = np.append(x[:1], x[1:] - np.float32(0.9) * x[:-1])[: count * _FRAME].reshape(count, _FRAME)
    return np.asarray(10 * np.log10(np.mean(emphasised.astype(np.float64) ** 2, axis=1) + 1e-8))


def _resampled(x: Float32Array, rate_hz: int) -> Float32Array:
    if len(x) == 0 or rate_hz == RATE_HZ:
        return x
    return np.asarray(soxr.resample(x, rate_hz, RATE_HZ), dtype=np.float32)


def _loud_level_db(x: Float32Array) -> float:
    """RMS over the loudest quarter of the frames, in dB of full scale."""
    power = np.mean(x[: len(x) // _FRAME * _FRAME].reshape(-1, _FRAME).astype(np.float64) ** 2, axis=1)
    loud = np.sort(power)[-max(1, len(power) // 4) :]
    return float(10 * np.log10(np.mean(loud) + 1e-12))


def _by_frame(probability: Float32Array, skipped: int, count: int) -> Float64Array:
    """Probability of speech at the middle of each of ``count`` frames, of windows that begin ``skipped`` samples into the signal."""
    # 8 ms: where in its window a probability belongs, by the benchmark's onsets.
    times = (np.arange(len(probability)) * silero.WINDOW + skipped) * 1000 / RATE_HZ + 8
    return np.asarray(np.interp((np.arange(count) + 0.5) * FRAME_MS, times, probability.astype(np.float64)), dtype=np.float64)


def _webrtc(x: Float32Array, count: int) -> BoolArray:
    data = (np.clip(x[: count * _FRAME], -1, 1) * np.float32(32767)).astype(np.int16).tobytes()
    votes = np.zeros((len(_WEBRTC_MODES), count), bool)
    for row, mode in enumerate(_WEBRTC_MODES):
        vad = webrtcvad.Vad(mode)
        size = 2 * _FRAME
        votes[row] = [vad.is_speech(data[i : i + size], RATE_HZ) for i in range(0, count * size, size)]
    return votes


# ---------------------------------------------------------------- the decision


def log_odds(evidence: Evidence) -> Float64Array:
    """Log-odds of speech for each frame by the fitted weights."""
    table = features(evidence)
    total = np.full(len(evidence.energy_db), BIAS)
    for name, weight in WEIGHTS.items():
        total += weight * table[name]
    return total


def features(evidence: Evidence) -> dict[str, Float64Array]:
    """Named columns for the regression; a name starts with its group (``GROUPS``) and ends with the frames it looks ahead.

    ``energy`` columns need the noise floor, which is the median of the frames that Silero does not call speech.
    """
    if len(evidence.energy_db) == 0:
        return {name: np.zeros(0) for name in WEIGHTS}
    out: dict[str, Float64Array] = {}
    logits = [np.clip(np.log((p + 1e-3) / (1 - p + 1e-3)), -5, 5) for p in evidence.silero]
    for which, logit in zip(("plain", "low", "backward"), logits, strict=True):
        for ahead in (-4, 0, 5, 10):
            sign = -1 if which == "backward" else 1
            out[f"silero {which} {sign * ahead}"] = _ahead(logit, sign * ahead)
    best = np.maximum.reduce(logits)
    near, wide = scipy.ndimage.maximum_filter1d(best, 21), scipy.ndimage.maximum_filter1d(best, 141)
    out |= {"silero near": near, "silero wide": wide, "silero*webrtcvad wide": wide * evidence.votes[1]}
    for mode, votes in zip(_WEBRTC_MODES, evidence.votes.astype(np.float64), strict=True):
        for ahead in (0, 5, 10):
            out[f"webrtcvad {mode} {ahead}"] = _ahead(votes, ahead)
    floor, spread, speech = levels(evidence)
    snr = scipy.ndimage.uniform_filter1d(evidence.energy_db, 3) - floor
    bounded = np.clip(snr, -3, 25)
    contrast = speech - floor
    out |= {
        "energy 0-5": np.clip(snr, 0, 5),
        "energy 5-10": np.clip(snr - 5, 0, 5),
        "energy 10-25": np.clip(snr - 10, 0, 15),
        "energy of contrast": np.clip(snr / np.maximum(contrast, 6), 0, 1),
        "energy of spread": np.clip(snr - 2 * spread, -5, 5),
        "energy 5": _ahead(bounded, 5),
        "energy -5": _ahead(bounded, -5),
        "energy near": scipy.ndimage.maximum_filter1d(bounded, 11),
        "silero*energy": near * np.clip(snr, 0, 10) / 10,
        "silero*contrast": near * np.clip(contrast - 10, 0, 20) / 20,
        "silero*energy wide": wide * np.clip(snr - 5, 0, 10) / 10,
    }
    return out


def levels(evidence: Evidence) -> tuple[Float64Array, Float64Array, Float64Array]:
    """Noise floor, its spread (90 % above the median) and speech level near each frame, in dB as ``energy_db``."""
    energy, count = evidence.energy_db, len(evidence.energy_db)
    probability = evidence.silero[:2].max(axis=0)  # heard backwards, noise before speech is easily taken for speech
    frames = np.arange(count)
    # Speech that is heard only backwards is no noise either; without a margin, or too little noise would be left to measure.
    heard = scipy.ndimage.binary_dilation(probability > 0.3, iterations=20) | (evidence.silero[2] > 0.3)
    quiet = np.flatnonzero(~heard)
    if len(quiet) < 20:  # speech from end to end: the pauses between syllables must do
        floor, spread = np.full(count, np.percentile(energy, 8)), np.full(count, 2.0)
    else:
        size = min(len(quiet), 201)
        median = scipy.ndimage.median_filter(energy[quiet], size, mode="nearest")
        high = scipy.ndimage.percentile_filter(energy[quiet], 90, size, mode="nearest")
        floor, spread = np.interp(frames, quiet, median), np.interp(frames, quiet, high - median)
    floor = np.maximum(floor, _FLOOR_DB)
    sure = np.flatnonzero(probability > 0.5)
    if len(sure) < 10:
        return floor, spread, floor.copy()
    loud = scipy.ndimage.percentile_filter(energy[sure], 80, min(len(sure), 301), mode="nearest")
    return floor, spread, np.interp(frames, sure, loud)


def _ahead(track: npt.NDArray[Any], frames: int) -> npt.NDArray[Any]:
    """``track`` seen ``frames`` later (negative: earlier), the ends repeated."""
    return track[np.clip(np.arange(len(track)) + frames, 0, len(track) - 1)]


def decide(odds: Float64Array, evidence: Evidence, settings: ActivitySettings) -> BoolArray:
    """Speech or not for each frame: the Viterbi path, without stretches that Silero never takes for speech (tones, music)."""
    active = viterbi(odds, settings.switch_cost)
    for start, end in runs(active):
        if evidence.silero[:, max(0, start - 10) : end + 10].max() < settings.least_silero:
            active[start:end] = False
    return active


def viterbi(odds: Float64Array, switch_cost: float) -> BoolArray:
    """The sequence of speech (True) and silence with the largest sum of log-odds over speech less ``switch_cost`` a change."""
    silence = speech = 0.0
    came_from_other = np.zeros((len(odds), 2), bool)
    for i, gain in enumerate(odds.tolist()):
        to_silence, to_speech = speech - switch_cost, silence - switch_cost
        came_from_other[i] = to_silence > silence, to_speech > speech
        silence, speech = max(silence, to_silence), max(speech, to_speech) + gain
    path = np.zeros(len(odds), bool)
    state = int(speech > silence)
    for i in range(len(odds) - 1, -1, -1):
        path[i] = state
        state ^= int(came_from_other[i, state])
    return path


def runs(mask: BoolArray) -> list[tuple[int, int]]:
    """First and one past the last index of each stretch of True."""
    change = np.diff(np.concatenate([[0], mask.astype(np.int8), [0]]))
    return [(int(a), int(b)) for a, b in zip(np.flatnonzero(change == 1), np.flatnonzero(change == -1), strict=True)]


def spans(active: BoolArray, grid_ms: int) -> tuple[Span, ...]:
    """Runs of frames as spans, both ends at the nearest grid point; what touches is joined, what vanishes is left out."""
    out: list[Span] = []
    for start, end in runs(active):
        begin, finish = (int(np.floor(i * FRAME_MS / grid_ms + 0.5)) * grid_ms for i in (start, end))
        if out and begin <= out[-1].end_ms:
            out[-1] = Span(out[-1].start_ms, max(finish, out[-1].end_ms))
        elif finish > begin:
            out.append(Span(begin, finish))
    return tuple(out)


# ---------------------------------------------------------------- crosstalk


def _leak(
    own: Float32Array,
    other: Float32Array,
    own_db: Float64Array,
    other_db: Float64Array,
    own_active: BoolArray,
    other_active: BoolArray,
    settings: ActivitySettings,
) -> BoolArray:
    """Frames of ``own`` that hold the other channel's voice and nothing of their own."""
    count = min(len(own_db), len(other_db))
    leak = np.zeros(len(own_db), bool)
    if count == 0:
        return leak
    smooth = [scipy.ndimage.uniform_filter1d(10 ** (db[:count] / 10), 21) for db in (own_db, other_db)]
    quieter = 10 * np.log10(smooth[1] / smooth[0]) >= settings.leak_db
    near = scipy.ndimage.binary_dilation(other_active[:count], iterations=10)
    suspect = scipy.ndimage.binary_closing(quieter & near, np.ones(21)) & near
    rest = own_db[:count][own_active[:count] & ~suspect]
    own_level = float(np.percentile(rest, 80)) if len(rest) >= 20 else None
    for start, end in runs(suspect & own_active[:count]):
        loudest = float(np.percentile(own_db[start:end], 80))
        faint = own_level is not None and loudest <= own_level - settings.leak_below_db
        samples = slice(start * _FRAME, end * _FRAME)
        if faint or _correlation(own[samples], other[samples]) >= settings.leak_correlation:
            leak[start:end] = True
    return leak


def _echo(
    own: Float32Array, other: Float32Array, evidence: Evidence, own_active: BoolArray, other_active: BoolArray, settings: ActivitySettings
) -> BoolArray:
    """Frames of ``own`` that hold what came of the other channel on a way that the whole block shows, and nothing of their own."""
    count, source = min(len(own_active), len(other_active)), Wave.of(other, RATE_HZ)
    leak = np.zeros(len(own_active), bool)
    path = channels.leak_path(Wave.of(own, RATE_HZ), source, spans(other_active, FRAME_MS))
    if path is None or path.level_db > -settings.echo_db:
        return leak
    near = scipy.ndimage.binary_dilation(_ahead(other_active[:count], -round(path.delay_ms / FRAME_MS)), iterations=10)
    suspect = near & scipy.ndimage.binary_dilation(own_active[:count], iterations=5)
    floor = 10 ** (levels(evidence)[0] / 10)
    for start, end in runs(suspect):
        samples = slice(start * _FRAME, end * _FRAME)
        here, came = own[samples], path.of(source, samples.start, samples.stop)
        heard, rest = (scipy.ndimage.uniform_filter1d(10 ** (_energy_db(x, end - start) / 10), 21) for x in (here, here - came))
        deep, deep_rest, deep_due = (_smooth_power(x, end - start) for x in (here, here - came, came))
        explained = rest <= settings.echo_rest * heard
        coded = (deep <= _NO_LOUDER * deep_due) & (deep_rest <= _CODED * deep)
        drowned = (rest <= _DROWNED * floor[start:end]) & (rest <= _LEAST_ECHO * heard)
        leak[start:end] = scipy.ndimage.binary_opening(explained | coded | drowned, np.ones(_LEAST_LEAK_MS // FRAME_MS))
    copied = path.level_db > _COPY_DB and np.count_nonzero(own_active & ~leak) < 0.1 * np.count_nonzero(own_active)
    return np.zeros_like(leak) if copied else leak


def _smooth_power(x: Float32Array, count: int) -> Float64Array:
    power = np.mean(x[: count * _FRAME].reshape(count, _FRAME).astype(np.float64) ** 2, axis=1)
    return np.asarray(scipy.ndimage.uniform_filter1d(power, 21))


def _correlation(a: Float32Array, b: Float32Array, reach: int = RATE_HZ // 20, limit: int = 2 * RATE_HZ) -> float:
    """Largest absolute normalised correlation over delays up to ``reach`` samples (50 ms) of the first ``limit`` samples."""
    x, y = (np.diff(v[:limit].astype(np.float64), prepend=0.0) for v in (a, b))
    scale = float(np.sqrt(np.sum(x**2) * np.sum(y**2)))
    if scale == 0.0:
        return 0.0
    product: npt.NDArray[Any] = scipy.signal.correlate(x, y, mode="full", method="fft")
    middle = len(y) - 1
    return float(np.max(np.abs(product[max(0, middle - reach) : middle + reach + 1])) / scale)
