"""Ids for events, made many at a time, each with the hash that says its partition.

One by one, an id and its hash take a third of an event's time in Python. Here each step is done for all ids of a batch at
once: texts by slices with a step, hashes with one large integer that has a lane of 64 bits for each id, in which products
of 32 bits find room.
"""

from __future__ import annotations

import os

_IDS_AT_ONCE = 256
_ID_BYTES = 16
_TEXT = 36
_STEP = _TEXT + 1
_LANE = 8
_SEED = 0x9747B28C
_MIX = 0x5BD1E995
_FULL = 0xFFFFFFFF

#: Where the 32 hex digits stand in the text.
_PLACES = [at for at in range(_TEXT) if at not in (8, 13, 18, 23)]
_VERSION_4 = bytes(byte & 0x0F | 0x40 for byte in range(256))
_VARIANT = bytes(byte & 0x3F | 0x80 for byte in range(256))


def _lanes(value: int) -> int:
    """The value in each lane."""
    return int.from_bytes(value.to_bytes(_LANE, "little") * _IDS_AT_ONCE, "little")


_MASK = _lanes(_FULL)
_START = _lanes(_SEED ^ _TEXT)
_BLANK = bytearray(b"-" * _TEXT + b" ") * _IDS_AT_ONCE

#: An id, and murmur2 of it as an unsigned number.
Id = tuple[str, int]
_ids: list[Id] = []

# A child process must not give out the ids of its parent.
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_ids.clear)


def new_id() -> Id:
    """A UUID of version 4. They are made many at a time: asking for random bytes lets another thread in."""
    try:
        return _ids.pop()
    except IndexError:
        made = ids_of(os.urandom(_ID_BYTES * _IDS_AT_ONCE))
        own = made.pop()
        _ids.extend(made)
        return own


def ids_of(random: bytes) -> list[Id]:
    """The ids that 4,096 random bytes give."""
    raw = bytearray(random)
    raw[6::_ID_BYTES] = raw[6::_ID_BYTES].translate(_VERSION_4)
    raw[8::_ID_BYTES] = raw[8::_ID_BYTES].translate(_VARIANT)
    digits = raw.hex().encode()
    texts = bytearray(_BLANK)
    for at, place in enumerate(_PLACES):
        texts[place::_STEP] = digits[at :: 2 * _ID_BYTES]
    return list(zip(texts.decode().split(), _hashes(texts)))


def _hashes(texts: bytearray) -> list[int]:
    """murmur2 of each text, as ``_record.murmur2`` has it."""
    h = _START
    for word in range(0, _TEXT, 4):
        lanes = bytearray(_LANE * _IDS_AT_ONCE)
        for byte in range(4):
            lanes[byte::_LANE] = texts[word + byte :: _STEP]
        k = (int.from_bytes(lanes, "little") * _MIX) & _MASK
        k ^= (k >> 24) & _MASK_24
        k = (k * _MIX) & _MASK
        h = ((h * _MIX) & _MASK) ^ k
    h ^= (h >> 13) & _MASK_13
    h = (h * _MIX) & _MASK
    h ^= (h >> 15) & _MASK_15
    return list(memoryview(h.to_bytes(_LANE * _IDS_AT_ONCE, "little")).cast("Q"))


#: What a shift to the right leaves in a lane, without what comes from the lane above.
_MASK_24 = _lanes(_FULL >> 24)
_MASK_13 = _lanes(_FULL >> 13)
_MASK_15 = _lanes(_FULL >> 15)
