"""The README shows a call of one channel whose speakers were told apart, and it is one of the samples of the demo."""

from __future__ import annotations

import csv
import re
from pathlib import Path

ROOT = Path(__file__).parents[1]


def test_both_halves_show_a_mono_call_of_the_demo() -> None:
    halves = (ROOT / "README.md").read_text("utf-8").split("## English")
    with (ROOT / "recordings_sample" / "calls.csv").open(encoding="utf-8", newline="") as rows:
        files = {row["call_id"]: row["file"] for row in csv.DictReader(rows)}
    for half in halves:
        (shown,) = set(re.findall(r"\.venv/bin/qa (?:roles )?show (HN\d+) --db sample\.db", half))
        assert re.search(rf"qa roles show {shown}", half)
        path = ROOT / "recordings_sample" / files[shown]
        assert path.read_bytes()[22:24] == b"\x01\x00", path.name  # channels in the fmt chunk of a WAV file
