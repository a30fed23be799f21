"""The buffer, the spool and the numbers, without servers."""

import json
import os
import shutil
import threading
import time

import pytest
from millrace_bots import BotError
from millrace_bots._home import Home
from millrace_bots._limits import DAMAGED_FILES, TURN_EVENTS
from millrace_bots._outbox import Outbox
from millrace_bots._spool import Spool, frame_of


def text(index):
    return b'{"event":%06d}' % index


FRAME = sum(map(len, frame_of(b"{}", text(0))))


def outbox_of(spool=None, limit=3 * FRAME, window=1_000_000, when_full="block", seconds=60, start=0):
    return Outbox(spool, limit, window, when_full, seconds, start)


def full(**options):
    outbox = outbox_of(**options)
    for index in range(3):
        outbox.put({}, text(index), b"{}")
    return outbox


def texts(taken):
    return [each.json for each in taken]


def test_S_43_block_waits_for_room():
    outbox = full(when_full="block")
    putting = threading.Thread(target=outbox.put, args=({}, text(3), b"{}"))
    putting.start()
    deadline = time.monotonic() + 60
    while not outbox._queue and time.monotonic() < deadline:
        time.sleep(0.001)
    putting.join(0.05)
    assert putting.is_alive() and outbox.pending == 3
    outbox.acknowledge(outbox.take(1, 0))
    putting.join(60)
    assert texts(outbox.take(9, 0)) == [text(index) for index in (1, 2, 3)]


def test_S_43_block_says_so_when_no_room_came_in_time():
    outbox = full(when_full="block", seconds=0.01)
    with pytest.raises(BotError, match="the buffer was full for 0.01 s") as refused:
        outbox.put({}, text(3), b"{}")
    assert refused.value.code == "BUFFER_FULL" and outbox.pending == 3


def test_S_43_drop_new_drops_and_counts():
    outbox = full(when_full="drop_new")
    assert [outbox.put({}, text(index), b"{}") for index in (3, 4)] == [False, False]
    assert outbox.dropped == 2 and outbox.pending == 3


def test_S_43_error_fails_at_once():
    outbox = full(when_full="error")
    with pytest.raises(BotError, match="raise buffer_bytes"):
        outbox.put({}, text(3), b"{}")
    outbox.acknowledge(outbox.take(1, 0))
    assert outbox.put({}, text(3), b"{}") is True


def test_reads_back_from_the_spool_what_did_not_fit_into_memory(tmp_path):
    spool = Spool(tmp_path, 10 * FRAME)
    settled = []
    outbox = outbox_of(spool, limit=1_000_000, window=5 * FRAME)
    for index in range(40):
        outbox.put({}, text(index), b"{}", lambda error, index=index: settled.append(index))
    taken = []
    more = 40
    while len(taken) < 60:
        some = outbox.take(7, 0)
        taken += some
        for each in some:
            if each.settle:
                each.settle(None)
        outbox.acknowledge(some)
        for _ in range(3):
            if more < 60:
                outbox.put({}, text(more), b"{}")
                more += 1
    assert texts(taken) == [text(index) for index in range(60)]
    assert settled == list(range(40))
    assert outbox.pending_bytes == 0
    spool.close()


def test_S_43_who_emits_without_a_pause_lets_the_other_thread_take():
    outbox = outbox_of(limit=10**9)
    outbox.is_wanted = True
    done = threading.Event()

    def emit():
        for index in range(3 * TURN_EVENTS):
            outbox.put({}, text(index), b"{}")
        done.set()

    threading.Thread(target=emit, daemon=True).start()
    taken, most = 0, 0
    while taken < 3 * TURN_EVENTS:
        some = outbox.take(50, 10)
        most = max(most, len(outbox._memory))
        taken += len(some)
    assert done.wait(60)
    assert most < 3 * TURN_EVENTS - 50
    outbox.is_wanted = False
    for index in range(2 * TURN_EVENTS):
        outbox.put({}, text(index), b"{}")
    assert not outbox.is_ahead


def read_all(spool):
    found, number = [], spool.first
    while read := spool.read(number):
        found += [each.json for each in read]
        number = read[-1].number + 1
    return found


def write(spool, start, end):
    for index in range(start, end):
        spool.append(frame_of(b"{}", text(index)))


def segments(folder):
    return sorted(folder.glob("*.spool"))


def test_S_43_the_spool_gives_back_what_was_put_in_and_forgets_what_is_done(tmp_path):
    spool = Spool(tmp_path, 10 * FRAME)
    write(spool, 0, 35)
    spool.close()
    again = Spool(tmp_path, 10 * FRAME)
    write(again, 35, 40)
    assert read_all(again) == [text(index) for index in range(40)]
    again.forget(25)
    assert len(segments(tmp_path)) == 3
    assert again.read(25)[0].json == text(25)
    again.close()


def test_S_43_takes_events_again_once_a_folder_that_was_removed_is_back(tmp_path):
    folder = tmp_path / "spool"
    spool = Spool(folder, 2 * FRAME)
    write(spool, 0, 2)
    shutil.rmtree(folder)
    for _ in range(2):
        with pytest.raises(BotError, match="took no event") as refused:
            write(spool, 7, 8)
        assert refused.value.code == "SPOOL_FAILED"
    folder.mkdir()
    write(spool, 2, 5)
    assert [each.json for each in spool.read(2)] == [text(2), text(3)]
    spool.close()
    assert [path.stat().st_size for path in segments(folder)] == [2 * FRAME, FRAME]


def test_the_newest_of_the_files_with_damaged_bytes_stay_and_no_more_than_eight(tmp_path):
    for index in range(12):
        spool = Spool(tmp_path)
        write(spool, index, index + 1)
        spool.close()
        with open(segments(tmp_path)[-1], "ab") as file:
            file.write(bytes([index + 1] * 32))
    Spool(tmp_path).close()
    aside = list(tmp_path.glob("*.damaged-*"))
    assert len(aside) == DAMAGED_FILES
    assert sorted(path.read_bytes()[0] for path in aside) == list(range(5, 13))


def test_an_end_that_was_not_written_whole_is_cut_off(tmp_path):
    spool = Spool(tmp_path)
    write(spool, 0, 3)
    spool.close()
    [segment] = segments(tmp_path)
    with open(segment, "r+b") as file:
        file.truncate(3 * FRAME - 4)
    again = Spool(tmp_path)
    assert (again.end, again.damaged_bytes) == (2, 0)
    again.close()


def test_room_that_was_reserved_and_not_used_is_the_end(tmp_path):
    spool = Spool(tmp_path)
    write(spool, 0, 3)
    # Not closed: as after a kill.
    assert read_all(Spool(tmp_path)) == [text(index) for index in range(3)]


def test_damaged_bytes_are_put_aside_and_told(tmp_path):
    spool = Spool(tmp_path, 2 * FRAME)
    write(spool, 0, 6)
    spool.close()
    first = segments(tmp_path)[0]
    data = bytearray(first.read_bytes())
    data[FRAME + 20] = 0
    first.write_bytes(data)
    again = Spool(tmp_path, 2 * FRAME)
    assert again.damaged_bytes == FRAME
    assert read_all(again) == [text(index) for index in (0, 2, 3, 4, 5)]
    assert len(list(tmp_path.glob("*.damaged-*"))) == 1
    again.close()


def test_a_full_file_goes_to_the_disk_while_the_next_one_takes_events(tmp_path, monkeypatch):
    may_sync, syncs = threading.Event(), []

    def slow(handle):
        syncs.append(handle)
        assert may_sync.wait(60)

    monkeypatch.setattr(os, "fsync", slow)
    spool = Spool(tmp_path, 2 * FRAME)
    write(spool, 0, 4)
    # The third file begins only when the first is on the disk.
    third = threading.Thread(target=write, args=(spool, 4, 5))
    third.start()
    third.join(0.05)
    assert third.is_alive() and len(syncs) == 1 and spool.end == 4
    may_sync.set()
    third.join(60)
    spool.close()
    assert len(syncs) == 3
    assert [path.stat().st_size for path in segments(tmp_path)] == [2 * FRAME, 2 * FRAME, FRAME]
    assert read_all(Spool(tmp_path, 2 * FRAME)) == [text(index) for index in range(5)]


def test_a_full_file_that_the_disk_does_not_take_is_told_by_the_emit_that_ends_the_next(tmp_path, monkeypatch):
    sync, failures = os.fsync, [OSError("the disk is gone")]

    def failing(handle):
        if failures:
            raise failures.pop()
        sync(handle)

    monkeypatch.setattr(os, "fsync", failing)
    spool = Spool(tmp_path, 2 * FRAME)
    write(spool, 0, 4)
    with pytest.raises(BotError, match="the disk is gone") as refused:
        write(spool, 9, 10)
    assert refused.value.code == "SPOOL_FAILED"
    write(spool, 4, 5)
    spool.close()
    assert read_all(Spool(tmp_path, 2 * FRAME)) == [text(index) for index in range(5)]


def test_a_hole_that_a_loss_of_power_left_in_an_older_file_is_told(tmp_path):
    spool = Spool(tmp_path, 3 * FRAME)
    write(spool, 0, 6)
    spool.close()
    first = segments(tmp_path)[0]
    data = bytearray(first.read_bytes())
    data[FRAME : 2 * FRAME] = bytes(FRAME)
    first.write_bytes(data)
    again = Spool(tmp_path, 3 * FRAME)
    assert again.damaged_bytes == 2 * FRAME
    assert read_all(again) == [text(index) for index in (0, 3, 4, 5)]
    again.close()


def used(folder):
    """Four events, two of them acknowledged, and an orderly end. Its incarnation."""
    from dataclasses import replace

    home = Home(folder, "p")
    write(home.spool, 0, 4)
    home.progressed(replace(home.state, partitions=4, next=2, sequences=(3, 0, 1, 0)), at_once=True)
    home.close()
    return home.state.incarnation


def test_J7a_numbers_go_on_after_an_orderly_end(tmp_path):
    incarnation = used(tmp_path)
    home = Home(tmp_path, "p")
    assert (home.state.incarnation, home.state.next, home.state.sequences) == (incarnation, 2, (3, 0, 1, 0))
    home.close()


def test_J7a_a_greater_incarnation_where_the_numbers_cannot_be_believed(tmp_path):
    before = used(tmp_path)
    (tmp_path / "producer.json").unlink()
    without = Home(tmp_path, "p")
    assert without.state.incarnation > before and without.state.sequences == ()
    without.close()
    stored = json.loads((tmp_path / "producer.json").read_text())
    (tmp_path / "producer.json").write_text(json.dumps({**stored, "closed": False, "boot": "another"}))
    rebooted = Home(tmp_path, "p")
    assert rebooted.state.incarnation > without.state.incarnation
    rebooted.close()
    with open(segments(tmp_path)[0], "ab") as file:
        file.write(bytes([7] * 64))
    damaged = Home(tmp_path, "p")
    assert damaged.state.incarnation > rebooted.state.incarnation and damaged.damaged_bytes == 64
    damaged.close()


def test_J7a_a_greater_incarnation_also_when_the_clock_was_set_back_by_hours(tmp_path, monkeypatch):
    before = used(tmp_path)
    past = time.time_ns() - 5 * 3_600_000_000_000
    monkeypatch.setattr(time, "time_ns", lambda: past)
    with open(segments(tmp_path)[0], "ab") as file:
        file.write(bytes([7] * 64))
    damaged = Home(tmp_path, "p")
    assert damaged.state.incarnation == before + 1
    damaged.close()


def test_J7a_numbers_stay_as_they_were_written_while_they_cannot_be(tmp_path):
    from dataclasses import replace

    home = Home(tmp_path, "p")
    write(home.spool, 0, 4)
    first = replace(home.state, partitions=4, next=1, sequences=(1, 0, 0, 0))
    home.progressed(first, at_once=True)
    beside = tmp_path / "producer.json.new"
    beside.mkdir()
    home.progressed(replace(first, next=3, sequences=(3, 0, 0, 0)), at_once=True)
    assert home.written_next == 1
    with pytest.raises(OSError):
        home.progressed(replace(first, incarnation=first.incarnation + 1))
    home.close()
    beside.rmdir()
    again = Home(tmp_path, "p")
    assert again.state == first
    again.close()


def test_a_folder_that_another_producer_uses_is_refused(tmp_path):
    home = Home(tmp_path, "p")
    with pytest.raises(BotError, match="uses the spool"):
        Home(tmp_path, "p")
    home.close()
    Home(tmp_path, "p").close()
