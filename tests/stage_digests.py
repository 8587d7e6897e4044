"""Digests of stage results of the sample calls; ``python tests/stage_digests.py`` writes them anew.

Results of one version are equal bit for bit only where libraries and processor are the same: the digests say for which they stand.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import replace
from importlib.metadata import version
from pathlib import Path

from qa import acoustics, activity, decode, serial, speakers
from qa.pipeline import collect
from qa.stages import STAGE_VERSIONS

SAMPLES = Path(__file__).parents[1] / "recordings_sample"
DIGESTS = Path(__file__).parent / "data" / "stage_digests.json"
LIBRARIES = ("av", "faster-whisper", "librosa", "numpy", "onnxruntime", "scipy", "soxr", "webrtcvad-wheels")


def environment() -> list[str]:
    """What exact results depend on beside the code: libraries, processor, and the versions that the stages give themselves."""
    model = next((line for line in Path("/proc/cpuinfo").read_text().splitlines() if line.startswith("model name")), "")
    stages = [f"{stage} {STAGE_VERSIONS[stage]}" for stage in ("info", "activity", "acoustics", "speakers")]
    return [*(f"{name} {version(name)}" for name in LIBRARIES), model.partition(":")[2].strip(), *stages]


def of(path: Path) -> list[str]:
    """Of info, activity, acoustics and speakers of a recording."""
    audio = decode.decode(path)
    heard = activity.detect(audio)
    measured = acoustics.measure(audio, heard)
    results = (replace(audio.info, path=path.name), heard, measured, speakers.speakers(audio, heard, measured.same_channels))
    return [hashlib.sha256(serial.encode(result)).hexdigest()[:16] for result in results]


if __name__ == "__main__":
    DIGESTS.write_text(json.dumps({"environment": environment(), "files": {f.name: of(f) for f in collect([SAMPLES])}}, indent=1) + "\n")
