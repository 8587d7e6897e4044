"""Seeded corruptions of recordings: torn, flipped, spliced, with headers that lie and blocks of zeros."""

from __future__ import annotations

import random
from collections.abc import Sequence

KINDS = ("truncate", "flip", "splice", "header", "zeros", "repeat", "noise")
LIES = (0, 1, 2, 0x7F, 0xFF, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFE, 0xFFFFFFFF, 8000, 0xBB80)


def mutant(sources: Sequence[bytes], seed: int) -> bytes:
    """One of ``sources`` with one to three corruptions; the same seed gives the same bytes."""
    dice = random.Random(seed)
    data = bytearray(dice.choice(sources))
    for _ in range(dice.randint(1, 3)):
        corrupt(data, dice.choice(KINDS), dice, sources)
    return bytes(data)


def corrupt(data: bytearray, kind: str, dice: random.Random, sources: Sequence[bytes]) -> None:
    if not data:
        return
    at = dice.randrange(len(data))
    some = dice.randint(1, max(1, len(data) // 4))
    if kind == "truncate":
        del data[at:]
    elif kind == "flip":
        for _ in range(dice.choice((1, 8, 200))):
            data[dice.randrange(len(data))] ^= 1 << dice.randrange(8)
    elif kind == "splice":
        other = dice.choice(sources)
        begin = dice.randrange(len(other))
        data[at : at + some] = other[begin : begin + some]
    elif kind == "header":
        place = dice.randrange(min(64, len(data)))
        width = dice.choice((1, 2, 4))
        data[place : place + width] = (dice.choice(LIES) & ((1 << 8 * width) - 1)).to_bytes(width, dice.choice(("little", "big")))
    elif kind == "zeros":
        data[at : at + some] = bytes(len(data[at : at + some]))
    elif kind == "repeat":
        data[at:at] = data[at : at + some]
    else:
        data[at : at + some] = dice.randbytes(len(data[at : at + some]))
