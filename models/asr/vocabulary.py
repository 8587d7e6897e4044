"""The token table: ASCII, punctuation and hanzi, then Whisper's special tokens in Whisper's order."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path

LANGUAGES = ("zh",)
TIMESTAMPS = 1501
SPECIAL = (
    "<|endoftext|>",
    "<|startoftranscript|>",
    *(f"<|{code}|>" for code in LANGUAGES),
    "<|translate|>",
    "<|transcribe|>",
    "<|startoflm|>",
    "<|startofprev|>",
    "<|nospeech|>",
    "<|notimestamps|>",
)
HANZI = Path(__file__).parent / "hanzi.txt"


@cache
def tokens() -> tuple[str, ...]:
    """All tokens in order of their id.  hanzi.txt is frozen with the model: ids must not move."""
    text = [*(chr(c) for c in range(32, 127)), *"，。？！、；：", *HANZI.read_text("utf-8").strip(), ""]
    return (*text, *SPECIAL, *(f"<|{i * 0.02:.2f}|>" for i in range(TIMESTAMPS)))


@cache
def ids() -> dict[str, int]:
    return {t: i for i, t in enumerate(tokens())}


def tokenizer_json() -> str:
    """A ``tokenizers`` file: one token a character, no merges; unknown characters become a space."""
    table = tokens()
    first_special = table.index(SPECIAL[0])
    added = [
        {"id": i, "content": t, "single_word": False, "lstrip": False, "rstrip": False, "normalized": False, "special": True}
        for i, t in enumerate(table)
        if i >= first_special
    ]
    return json.dumps(
        {
            "version": "1.0",
            "truncation": None,
            "padding": None,
            "added_tokens": added,
            "normalizer": None,
            "pre_tokenizer": None,
            "post_processor": None,
            "decoder": {"type": "Fuse"},
            "model": {
                "type": "BPE",
                "dropout": None,
                "unk_token": " ",
                "continuing_subword_prefix": None,
                "end_of_word_suffix": None,
                "fuse_unk": False,
                "byte_fallback": False,
                "vocab": {t: i for i, t in enumerate(table[:first_special])},
                "merges": [],
            },
        },
        ensure_ascii=False,
    )
