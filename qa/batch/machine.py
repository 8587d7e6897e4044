"""How many workers this machine carries, with how many threads and how much memory each.

Measured on the bundled model (20 MiB of it): a worker holds 0.27 GiB after its first short call and 0.4 GiB after fourteen; 0.6 GiB are
reckoned with, as a longer call takes more.  A larger model takes up to 2.2 times its file: half-precision weights become single
precision on a processor (CTranslate2).
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from qa.models import LocatedModel

if TYPE_CHECKING:  # loads numeric libraries, whose threads are not set yet
    from qa.diarization import LocatedDiarizer

WORKER_BYTES = 1200 << 20
"""What a worker needs beside its model, however long the recording (benchmarks/memory.py: 1.1 GiB with the bundled model)."""
MODEL_FACTOR = 2.2
DIARIZER_BYTES = {"sherpa": 200 << 20, "turns": 200 << 20, "pyannote": 1400 << 20}
"""What a worker needs for telling the speakers of one channel apart, by engine (torch and what it loads; a block and its windows)."""
SPARE_BYTES = 1 << 30
"""Left to this process and to the rest of the machine."""
_THREAD_COUNTS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMEXPR_NUM_THREADS", "NUMBA_NUM_THREADS")
_CGROUP = Path("/sys/fs/cgroup")


@dataclass(frozen=True)
class Shape:
    """``threads`` of each worker, together the cores of the machine where there are so many; ``memory_bytes`` that a worker may hold."""

    threads: tuple[int, ...]
    memory_bytes: int

    @property
    def workers(self) -> int:
        return len(self.threads)


def shape(
    model: LocatedModel,
    workers: int | None = None,
    memory_bytes: int | None = None,
    files: int | None = None,
    diarizer: LocatedDiarizer | None = None,
) -> Shape:
    """As many workers as cores and free memory carry (or ``workers``), never more than ``files``; one at least."""
    available, count = cores(), workers
    free, need = max(0, free_memory() - SPARE_BYTES), need_bytes(model, diarizer)
    if count is None:
        count = min(available, free // need)
    count = max(1, min(count, files if files is not None else count))
    share = memory_bytes or max(need, free // count)
    each, more = divmod(available, count)
    return Shape(tuple(max(1, each + (k < more)) for k in range(count)), share)


def need_bytes(model: LocatedModel, diarizer: LocatedDiarizer | None = None) -> int:
    """Memory of a worker with this model and this engine for the speakers of one channel."""
    weights = model.path / "model.bin"
    beside = DIARIZER_BYTES[diarizer.engine] if diarizer is not None else 0
    return WORKER_BYTES + beside + int(MODEL_FACTOR * (weights.stat().st_size if weights.is_file() else 0))


def cores() -> int:
    """Processor cores that this process may use: of the machine, and of its container where there is one."""
    count = len(os.sched_getaffinity(0))
    quota, _, period = _read(_CGROUP / "cpu.max").partition(" ")
    return max(1, min(count, int(quota) // int(period))) if quota.isdigit() and period.isdigit() else count


def free_memory() -> int:
    """Bytes that may still be taken without swapping: of the machine, and of its container where there is one."""
    lines = dict(line.split(":", 1) for line in _read(Path("/proc/meminfo")).splitlines())
    free = int(lines.get("MemAvailable", "0 kB").split()[0]) << 10
    limit, used = _read(_CGROUP / "memory.max"), _read(_CGROUP / "memory.current")
    return min(free, int(limit) - int(used)) if limit.isdigit() and used.isdigit() else free


def _read(path: Path) -> str:
    try:
        return path.read_text().strip()
    except OSError:
        return ""


def thread_environment(threads: int) -> dict[str, str]:
    """Variables for a worker, to be set before any numeric library is loaded: its threads wait asleep and do not fight for cores."""
    return dict.fromkeys(_THREAD_COUNTS, str(threads)) | {"OMP_WAIT_POLICY": "PASSIVE"}


def own_threads() -> int:
    """Threads that this process was given, 0 where nobody said."""
    told = os.environ.get("OMP_NUM_THREADS", "")
    return int(told) if told.isdigit() else 0


def resident_bytes(pid: int) -> int:
    """Memory that a process really holds, without pages that it shares with others; 0 for one that has ended."""
    fields = _read(Path(f"/proc/{pid}/statm")).split()
    return (int(fields[1]) - int(fields[2])) * os.sysconf("SC_PAGE_SIZE") if len(fields) > 2 else 0
