"""The numbers of a producer and the spool they belong to (J7a).

1. A sequence is never given to two events: where the end of the spool cannot be believed, or the topic's partitions are
   others now, a new and greater incarnation begins, and counts from 1.
2. Else an event has the same sequence each time it is sent, also by a later process.
3. What is acknowledged need not be written: until it can be, an older state stands there with the events that it needs, and a
   later process sends those again. A disk that is full ends nothing here.
"""

from __future__ import annotations

import json
import os
import random
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from ._limits import CHECKPOINT_SECONDS
from ._spool import Spool
from .errors import BotError

_FORMAT = 1
_RANDOM_STEPS = 4096
_ATTEMPTS = 5


@dataclass(frozen=True)
class State:
    """What stands in ``producer.json`` of a spool."""

    producer_id: str
    #: A number that grows with each new one.
    incarnation: int
    #: Of the topic, as it was when sequences were first given; None: nothing was sent yet.
    partitions: int | None
    #: Number of the first event that is not acknowledged.
    next: int
    #: The highest sequence given to events before ``next``, by partition.
    sequences: tuple[int, ...]

    @property
    def producer(self) -> str:
        """As it stands in the headers."""
        return f"{self.producer_id}/{self.incarnation}"


def new_incarnation(previous: int = 0) -> int:
    """Greater than any made before, here or, by the clock, elsewhere: the time in ms, and 12 random bits."""
    now = time.time_ns() // 1_000_000
    return max(now * _RANDOM_STEPS + random.SystemRandom().randrange(_RANDOM_STEPS), previous + 1)


def renewed(state: State, partitions: int) -> State:
    """Counts anew, for that many partitions."""
    return replace(
        state,
        incarnation=new_incarnation(state.incarnation),
        partitions=partitions,
        sequences=(0,) * partitions,
    )


class Home:
    """The folder of one producer; without one, numbers that end with the process."""

    def __init__(self, folder: Path | None, producer_id: str) -> None:
        """Raises: BotError SPOOL_IN_USE, SPOOL_FAILED."""
        self.spool: Spool | None = None
        self._folder = folder
        self._written_at = 0.0
        self._unlock: Callable[[], None] = lambda: None
        #: ``next`` of the state as it was written last.
        self.written_next = 0
        self.state = _first_state(producer_id, 0)
        if folder is None:
            return
        try:
            folder.mkdir(parents=True, exist_ok=True)
            self._unlock = _lock(folder)
            try:
                self.spool = Spool(folder)
                self.state = _state_of(folder, self.spool, producer_id)
                self._write(False)
            except BaseException:
                self._unlock()
                raise
        except OSError as cause:
            raise BotError(
                "SPOOL_FAILED",
                f"the spool {folder} cannot be used: {cause}; give a folder that this process may write",
            ) from cause

    @property
    def damaged_bytes(self) -> int:
        """Bytes of the spool that were found damaged, and put aside."""
        return self.spool.damaged_bytes if self.spool is not None else 0

    def progressed(self, state: State, at_once: bool = False) -> None:
        """Takes over what is acknowledged, and writes it down now and then. Raises: OSError where a new incarnation cannot be
        written."""
        if state.incarnation != self.state.incarnation:
            self._write(False, state)
        self.state = state
        now = time.monotonic()
        if at_once or now - self._written_at >= CHECKPOINT_SECONDS:
            self._written_at = now
            with suppress(OSError):  # 3.
                self._write(False)

    def close(self) -> None:
        with suppress(OSError):  # 3.
            if self.spool is not None:
                self.spool.close()
                self._write(True)
        self._unlock()

    def _write(self, closed: bool, given: State | None = None) -> None:
        if self._folder is None:
            return
        state = given or self.state
        stored = {
            "format": _FORMAT,
            "producerId": state.producer_id,
            "incarnation": state.incarnation,
            "partitions": state.partitions,
            "next": state.next,
            "sequences": state.sequences,
            "boot": _boot_id(),
            "closed": closed,
        }
        file = self._folder / "producer.json"
        beside = self._folder / "producer.json.new"
        with open(beside, "w", encoding="utf-8") as handle:
            json.dump(stored, handle)
            if closed:
                handle.flush()
                os.fsync(handle.fileno())
        os.replace(beside, file)
        self.written_next = state.next


def _first_state(producer_id: str, next_number: int) -> State:
    return State(producer_id, new_incarnation(), None, next_number, ())


def _state_of(folder: Path, spool: Spool, producer_id: str) -> State:
    try:
        stored: dict[str, Any] = json.loads((folder / "producer.json").read_text("utf-8"))
        if stored["format"] != _FORMAT:
            raise ValueError("another format")
        state = State(
            stored["producerId"],
            int(stored["incarnation"]),
            stored["partitions"],
            int(stored["next"]),
            tuple(stored["sequences"]),
        )
        boot = stored["boot"]
        is_whole = stored["closed"] or (boot != "" and boot == _boot_id())
    except (OSError, ValueError, KeyError, TypeError):
        return _first_state(producer_id, spool.first)
    is_within = spool.first <= state.next <= spool.end
    is_same = state.producer_id == producer_id
    if is_whole and is_within and is_same and spool.damaged_bytes == 0:
        return state
    next_number = state.next if is_within else spool.first
    first = _first_state(producer_id, next_number)
    return replace(first, incarnation=new_incarnation(state.incarnation))


def _boot_id() -> str:
    """This run of the system; empty where it cannot be told."""
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text("ascii").strip()
    except OSError:
        return ""


#: Folders that this process holds: its own identity would not tell two producers in it apart.
_held: set[Path] = set()


def _start_of(pid: int) -> str | None:
    """When a process was started; None when it does not run. Elsewhere than on Linux it only tells whether it runs."""
    try:
        os.kill(pid, 0)
        line = Path(f"/proc/{pid}/stat").read_text("utf-8", "replace")
    except ProcessLookupError:
        return None
    except OSError:
        return ""
    fields = line[line.rindex(")") + 2 :].split(" ")
    return None if fields[0] in "ZX" else fields[19]


def _holder_of(file: Path) -> tuple[str, int | None]:
    """What the lock says, and the process that holds it; None when it has ended."""
    text = ""
    try:
        text = file.read_text("utf-8")
        holder = json.loads(text)
        pid = int(holder["pid"])
        if holder["boot"] != _boot_id() or pid <= 0:
            return text, None
        start = _start_of(pid)
        return text, pid if start is not None and start == holder["start"] else None
    except (OSError, ValueError, KeyError, TypeError):
        return text, None


def _lock(folder: Path) -> Callable[[], None]:
    """Takes the folder for this process. The result gives it back."""
    folder = folder.resolve()
    file = folder / "lock"
    pid = os.getpid()
    own = json.dumps({"pid": pid, "start": _start_of(pid), "boot": _boot_id()})
    if folder in _held:
        raise _in_use(folder, pid)
    attempt = 1
    while not _placed(file, own):
        text, holder = _holder_of(file)
        if holder is not None or attempt > _ATTEMPTS:
            raise _in_use(folder, holder or 0)
        _remove_stale(file, text)
        attempt += 1
    _held.add(folder)

    def unlock() -> None:
        _held.discard(folder)
        file.unlink(missing_ok=True)

    return unlock


def _placed(file: Path, own: str) -> bool:
    """Puts the lock there whole. False: there is one."""
    beside = file.with_name(f"lock.{os.getpid()}")
    beside.write_text(own, "utf-8")
    try:
        os.link(beside, file)
        return True
    except FileExistsError:
        return False
    finally:
        beside.unlink()


def _remove_stale(file: Path, text: str) -> None:
    """Takes away the lock of a process that has ended, if it is that one still."""
    stale = file.with_name(f"lock.stale.{os.getpid()}")
    try:
        os.replace(file, stale)
        if stale.read_text("utf-8") != text:
            os.link(stale, file)
        stale.unlink()
    except (FileNotFoundError, FileExistsError):
        pass


def _in_use(folder: Path, pid: int) -> BotError:
    return BotError(
        "SPOOL_IN_USE",
        f"process {pid} uses the spool {folder}; give each producer a folder of its own, or end that process",
    )
