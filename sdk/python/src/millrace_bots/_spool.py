"""A log of events in files of one folder, written to its end, read in order, and forgotten from its start.

1. ``append`` has copied the bytes into the system's memory before it returns: they outlive this process. Files are mapped,
   not written to: a system call would let another thread run first, at each event.
2. Each event carries a checksum, and its head one of its own. What is cut off at the very end never counted; other damage
   is put aside and told.
3. Numbers only grow; a number that was damaged is skipped.
4. A file that is full goes to the disk at once, by a thread of its own, and the next one is ended only after that: a loss of
   power can take events of the newest file, and of the one before it while that is on its way.

One event: u32 length of the body, u32 CRC-32 of the body, u32 CRC-32 of these eight bytes, body; numbers big-endian. The
body is a u16 length, that many bytes of JSON with what the event itself does not hold, and the event's own bytes.
"""

from __future__ import annotations

import mmap
import os
from pathlib import Path
from struct import Struct
from threading import Thread
from typing import NamedTuple
from zlib import crc32

from ._contract import LIMITS
from ._limits import DAMAGED_FILES, SEGMENT_BYTES
from .errors import BotError

_SUFFIX = ".spool"
#: Between the name of a file and a number: bytes of it that are no events.
_DAMAGED = ".damaged-"
_HEAD = Struct(">III")
_PLACE = Struct(">II")
_SUM = Struct(">I")
_META = Struct(">H")
HEAD_BYTES = _HEAD.size
#: Of an event without a trace, as most are: begin of its body and the checksum of that.
_beginnings: dict[bytes, tuple[bytes, int]] = {}
_NO_META_BYTES = len("{}")
_FRAME_BYTES_MAX = LIMITS["eventBytes"] + 64 * 1024
_READ_BYTES = 256 * 1024


#: The head of an event's bytes, and its body.
Frame = tuple[bytes, bytes]


class SpooledEvent(NamedTuple):
    """An event with its number: 0 for the first that was ever put there."""

    number: int
    meta: bytes
    json: bytes
    #: On disk.
    size: int


class Damaged(Exception):
    """A checksum is wrong."""


def frame_of(meta: bytes, json: bytes) -> Frame:
    """The bytes of one event, in the two parts that they are written in."""
    known = _beginnings.get(meta)
    if known is None:
        begin = _META.pack(len(meta)) + meta
        known = begin, crc32(begin)
        if len(meta) == _NO_META_BYTES:
            _beginnings[meta] = known
    begin, begin_sum = known
    body = begin + json
    place = _PLACE.pack(len(body), crc32(json, begin_sum))
    return place + _SUM.pack(crc32(place)), body


def read_frame(data: bytes, at: int) -> tuple[bytes, bytes, int] | None:
    """Meta, event and size of the frame at ``at``; None when the data ends within it. Raises: Damaged."""
    if len(data) - at < _HEAD.size:
        return None
    length, body_sum, head_sum = _HEAD.unpack_from(data, at)
    if crc32(data[at : at + 8]) != head_sum or not _META.size <= length <= _FRAME_BYTES_MAX:
        raise Damaged
    body = data[at + _HEAD.size : at + _HEAD.size + length]
    if len(body) < length:
        return None
    if crc32(body) != body_sum:
        raise Damaged
    split = _META.size + int(_META.unpack_from(body)[0])
    return body[_META.size : split], body[split:], _HEAD.size + length


class _Segment:
    __slots__ = ("first", "count", "size")

    def __init__(self, first: int, count: int, size: int) -> None:
        self.first = first
        self.count = count
        self.size = size


class Spool:
    """See the head of this file. One thread appends at a time, one reads."""

    def __init__(self, folder: Path, segment_bytes: int = SEGMENT_BYTES) -> None:
        """Reads through all that is there. Raises: OSError."""
        self.folder = folder
        self._segment_bytes = segment_bytes
        #: Bytes put aside since they were damaged.
        self.damaged_bytes = 0
        self._tail: mmap.mmap | None = None
        self._room = 0
        #: Brings the file before the tail to the disk.
        self._bringing: Thread | None = None
        self._bringing_failed: OSError | None = None
        self._segments: list[_Segment] = []
        folder.mkdir(parents=True, exist_ok=True)
        firsts = sorted(int(path.name[: -len(_SUFFIX)]) for path in folder.glob(f"*{_SUFFIX}"))
        for first in firsts:
            self._segments.append(self._examined(first, first == firsts[-1]))
        if self.damaged_bytes:
            _drop_oldest(folder)

    @property
    def first(self) -> int:
        """Number of the first event that is there."""
        return self._segments[0].first if self._segments else 0

    @property
    def end(self) -> int:
        """Number that the next event gets."""
        if not self._segments:
            return 0
        last = self._segments[-1]
        return last.first + last.count

    def append(self, frame: Frame) -> None:
        """Puts one event at the end. Raises: BotError SPOOL_FAILED."""
        head, body = frame
        size = HEAD_BYTES + len(body)
        tail = self._tail
        if tail is None or self._segments[-1].size + size > self._room:
            tail = self._begun(size)
        segment = self._segments[-1]
        at = segment.size
        begin, end = at + HEAD_BYTES, at + size
        # The head last: until it stands there, the file ends before it.
        tail[begin:end] = body
        tail[at:begin] = head
        segment.size = end
        segment.count += 1

    def read(self, number: int) -> list[SpooledEvent]:
        """Events from ``number`` on, in order, some at a time; empty at the end. Raises: BotError SPOOL_FAILED."""
        segment = next((each for each in self._segments if each.first + each.count > number), None)
        if segment is None:
            return []
        found: list[SpooledEvent] = []
        own, at = self._place_of(segment, number)
        with open(self._file(segment.first), "rb") as file:
            file.seek(at)
            data = file.read(min(segment.size - at, max(_READ_BYTES, _FRAME_BYTES_MAX + 64)))
        at_in_data = 0
        while own < segment.first + segment.count:
            try:
                frame = read_frame(data, at_in_data)
            except Damaged:
                raise BotError(
                    "SPOOL_FAILED",
                    f"event {own} of the spool {self.folder} changed on disk while in use; "
                    "open the producer again: what is whole is kept",
                ) from None
            if frame is None:
                break
            meta, json, size = frame
            if own >= number:
                found.append(SpooledEvent(own, meta, json, size))
            at_in_data += size
            own += 1
        self._read_on = (segment.first, own, at + at_in_data)
        return found or self.read(number)

    def forget(self, number: int) -> None:
        """Forgets files all of whose events have numbers below this."""
        while len(self._segments) > 1:
            oldest = self._segments[0]
            if oldest.first + oldest.count > number:
                return
            del self._segments[0]
            self._file(oldest.first).unlink(missing_ok=True)

    def close(self) -> None:
        """Hands everything to the disk, and cuts the last file to what it holds. Raises: OSError."""
        ended = self._ended()
        self._brought()
        if ended is not None:
            self._bring(*ended)
        self._brought()

    _read_on: tuple[int, int, int] = (-1, 0, 0)

    def _place_of(self, segment: _Segment, number: int) -> tuple[int, int]:
        """A number not above ``number``, and where it is: where the last reading ended, or the file's start."""
        first, own, at = self._read_on
        if first == segment.first and own <= number:
            return own, at
        return segment.first, 0

    def _begun(self, size: int) -> mmap.mmap:
        try:
            self._leave_tail()
            first = self.end
            path = self._file(first)
            length = max(self._segment_bytes, size)
            with open(path, "w+b") as file:
                _reserve(file.fileno(), length)
                tail = mmap.mmap(file.fileno(), length)
                self._tail, self._room = tail, length
        except OSError as cause:
            raise BotError(
                "SPOOL_FAILED",
                f"the spool {self.folder} took no event: {cause}; make room there, or give another folder",
            ) from cause
        segment = _Segment(first, 0, 0)
        for empty in [each for each in self._segments if each.count == 0]:
            self._segments.remove(empty)
            if empty.first != first:
                self._file(empty.first).unlink(missing_ok=True)
        self._segments.append(segment)
        return tail

    def _leave_tail(self) -> None:
        """Starts the tail's way to the disk (4). Raises: OSError of the file before it."""
        ended = self._ended()
        try:
            self._brought()
        finally:
            if ended is not None:
                self._bringing = Thread(target=self._bring, args=ended, name="millrace-spool", daemon=True)
                try:
                    self._bringing.start()
                except RuntimeError:  # this process may start no thread any more
                    self._bringing = None
                    self._bring(*ended)

    def _ended(self) -> tuple[Path, int] | None:
        """The tail's file and what it holds; there is no tail then."""
        tail, self._tail = self._tail, None
        if tail is None:
            return None
        if os.name != "posix":
            tail.flush()
        tail.close()
        segment = self._segments[-1]
        return (self._file(segment.first), segment.size) if segment.count else None

    def _bring(self, path: Path, size: int) -> None:
        """Cuts a file to what it holds, and waits until the disk has it."""
        try:
            with open(path, "r+b") as file:
                file.truncate(size)
                os.fsync(file.fileno())
        except FileNotFoundError:
            # Forgotten meanwhile: the broker has all of it.
            pass
        except OSError as error:
            self._bringing_failed = error

    def _brought(self) -> None:
        """Waits for the file that is on its way to the disk. Raises: OSError."""
        if self._bringing is not None:
            self._bringing.join()
            self._bringing = None
        failed, self._bringing_failed = self._bringing_failed, None
        if failed is not None:
            raise failed

    def _file(self, first: int) -> Path:
        return self.folder / f"{first:016d}{_SUFFIX}"

    def _examined(self, first: int, is_last: bool) -> _Segment:
        path = self._file(first)
        data = path.read_bytes()
        at = count = 0
        is_damaged = False
        while at < len(data):
            # Room that was reserved and not used; in an older file nothing stands behind it.
            if data[at : at + _HEAD.size] == bytes(_HEAD.size):
                is_damaged = not is_last and data[at:].strip(b"\0") != b""
                break
            try:
                frame = read_frame(data, at)
            except Damaged:
                is_damaged = True
                break
            if frame is None:
                is_damaged = not is_last
                break
            at += frame[2]
            count += 1
        if at < len(data):
            if is_damaged:
                rest = data[at:].rstrip(b"\0")
                self.damaged_bytes += len(rest)
                _free_name(path).write_bytes(rest)
            os.truncate(path, at)
        return _Segment(first, count, at)


def _reserve(handle: int, length: int) -> None:
    """Room on the disk: a mapped file must not find it full later."""
    if hasattr(os, "posix_fallocate"):
        os.posix_fallocate(handle, 0, length)
    else:
        os.write(handle, bytes(length))


def _free_name(path: Path) -> Path:
    """Only so many files are kept aside (``_drop_oldest``), so this ends."""
    index = 1
    while (name := path.with_name(f"{path.name}{_DAMAGED}{index}")).exists():
        index += 1
    return name


def _drop_oldest(folder: Path) -> None:
    """Of what was put aside the newest files stay."""
    aside = sorted(folder.glob(f"*{_DAMAGED}*"), key=lambda path: (path.stat().st_mtime_ns, path.name))
    for path in aside[:-DAMAGED_FILES]:
        path.unlink(missing_ok=True)
