"""Silero VAD v6 on several signals at once.

The network and its weights are Silero's (``models/vad``); only the layout differs from the ONNX file that faster-whisper
carries.  There the spectrum is a convolution, the layers behind it convolve stretches of 4, 4, 2 and 1 steps, and each signal
runs by itself: the time goes into moving small arrays.  Here the spectrum is a fast Fourier transform, each output step of a
layer one matrix product over many windows, and the recurrent layer moves all signals together.

Source: Silero Team, Silero VAD, 2021-2025 (snakers4/silero-vad).
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import Any

import numpy as np
import onnxruntime
import scipy.fft

from qa import paths
from qa.types import Float32Array

WINDOW = 512
"""Samples of one probability, at 16 kHz."""
_CONTEXT = 64  # samples in front of a window that belong to it; as many behind its end are its mirror image
_FRAME, _HOP, _FRAMES, _BINS = 256, 128, 4, 129
_HIDDEN = 128
_BLOCK = 64  # windows a run: of six signals, what a layer needs fits the caches
_HANN = np.hanning(_FRAME + 1)[:_FRAME].astype(np.float32)


@cache
def _session() -> Any:
    options = onnxruntime.SessionOptions()
    options.inter_op_num_threads = options.intra_op_num_threads = 1  # channels, blocks and files are what runs side by side
    options.enable_cpu_mem_arena = False
    options.log_severity_level = 4
    path = paths.models_dir() / "vad" / "silero_v6.onnx"
    return onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])


def probabilities(signals: Sequence[Float32Array]) -> list[Float32Array]:
    """Probability of speech (0-1) in each window of 512 samples of each signal (16 kHz, -1..1; of any lengths, views are fine).

    Each signal has ``len(x) // 512 + 2`` windows: the last but one is filled up with silence, and one of silence follows, so that
    speech that is cut off ends there.
    """
    counts = [len(x) // WINDOW + 2 for x in signals]
    heard = np.zeros((max(counts, default=0), len(signals)), np.float32)
    state = dict.fromkeys(("hidden", "cell"), np.zeros((1, len(signals), _HIDDEN), np.float32))
    for first in range(0, len(heard), _BLOCK):
        last = min(first + _BLOCK, len(heard))
        spectrum = np.stack([_spectrum(_windows(x, first, last)) for x in signals], axis=1)
        heard[first:last], hidden, cell = _session().run(None, {"spectrum": spectrum, **state})
        state = {"hidden": hidden, "cell": cell}
    return [heard[:count, number] for number, count in enumerate(counts)]


def _windows(x: Float32Array, first: int, last: int) -> Float32Array:
    """Windows ``first`` to ``last`` of a signal, (windows, 640): context, window, mirror image of the end; silence beyond the signal."""
    begin = first * WINDOW - _CONTEXT
    flat = np.zeros(_CONTEXT + (last - first) * WINDOW, np.float32)
    piece = x[max(0, begin) : last * WINDOW]
    at = max(0, -begin)
    flat[at : at + len(piece)] = piece
    out = np.empty((last - first, _CONTEXT + WINDOW + _CONTEXT), np.float32)
    out[:, _CONTEXT:-_CONTEXT] = flat[_CONTEXT:].reshape(-1, WINDOW)
    out[:, :_CONTEXT] = flat[:-_CONTEXT].reshape(-1, WINDOW)[:, :_CONTEXT]
    out[:, -_CONTEXT:] = out[:, -_CONTEXT - 2 : -2 * _CONTEXT - 2 : -1]
    return out


def _spectrum(windows: Float32Array) -> Float32Array:
    """Magnitudes of the four frames of each window, side by side: (windows, 516)."""
    row, step = windows.strides
    frames = np.lib.stride_tricks.as_strided(windows, (len(windows), _FRAMES, _FRAME), (row, _HOP * step, step))
    parts = scipy.fft.rfft(frames * _HANN).view(np.float32)
    np.multiply(parts, parts, out=parts)
    power = parts[..., ::2] + parts[..., 1::2]
    return np.asarray(np.sqrt(power, out=power).reshape(len(windows), _FRAMES * _BINS))
