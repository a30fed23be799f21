"""A full buffer: who waits for room is admitted in the order of the calls, be it a thread or a task."""

import asyncio
import threading
import time

import pytest
from millrace_bots import AsyncBotProducer, BotError, BotProducer, Identity
from millrace_bots._limits import BLOCK_SECONDS
from millrace_bots._outbox import Outbox
from millrace_bots._quick import Quick
from millrace_bots._spool import frame_of

IDENTITY = Identity("epp", "bot-1", "epp_v2_4", "bitget", "BTC-USDT")
#: Nobody listens there: nothing is taken from the buffer but by the test.
AWAY = {"brokers": "127.0.0.1:9", "registry_url": "http://127.0.0.1:9"}
SNAPSHOT = {"state": "running"}


def text(index, size=0):
    return b'{"event":%06d}' % index + b" " * size


FRAME = sum(map(len, frame_of(b"{}", text(0))))
#: Of a snapshot in the buffer.
SIZE = sum(map(len, frame_of(b"{}", Quick(IDENTITY).made("state_snapshot", SNAPSHOT, None)[1])))
SECONDS = 60


def until(is_so):
    deadline = time.monotonic() + SECONDS
    while not is_so():
        assert time.monotonic() < deadline
        time.sleep(0.001)


def full(**options):
    outbox = Outbox(None, 3 * FRAME, 10**6, "block", options.get("seconds", SECONDS), 0)
    for index in range(3):
        outbox.put({}, text(index), b"{}")
    return outbox


def test_S_43_threads_are_admitted_in_the_order_of_their_calls():
    outbox = full()
    threads = []

    def put(index, size=0):
        thread = threading.Thread(target=outbox.put, args=({}, text(index, size), b"{}"))
        thread.start()
        threads.append(thread)
        until(lambda: len(outbox._queue) == len(threads))

    # The first needs the room of two; those that come after it would fit before.
    put(3, FRAME)
    put(4)
    outbox.acknowledge(outbox.take(1, 0))
    put(5)
    assert outbox.pending == 2
    outbox.acknowledge(outbox.take(1, 0))
    threads[0].join(SECONDS)
    assert [thread.is_alive() for thread in threads] == [False, True, True]
    assert len(outbox._queue) == 2
    outbox.acknowledge(outbox.take(9, 0))
    for thread in threads:
        thread.join(SECONDS)
    assert [each.json for each in outbox.take(9, 0)] == [text(4), text(5)]


def test_S_43_who_gives_up_lets_a_smaller_one_in():
    outbox = full(seconds=0.2)
    outbox.acknowledge(outbox.take(1, 0))
    told = []
    place = outbox.offer({}, text(3, FRAME), b"{}", None, told.append)
    putting = threading.Thread(target=outbox.put, args=({}, text(4), b"{}"))
    putting.start()
    until(lambda: len(outbox._queue) == 2)
    outbox.give_up(place)
    putting.join(SECONDS)
    assert [error.code for error in told] == ["BUFFER_FULL"]
    assert outbox.pending == 3 and not outbox._queue


def test_S_43_waits_ten_seconds_unless_told_otherwise():
    bot = BotProducer(IDENTITY, spool_folder=None, **AWAY)
    assert bot._core.outbox.block_seconds == BLOCK_SECONDS == 10
    bot.close(0)


def test_S_43_closing_ends_the_waiting():
    outbox = full()
    failed = []

    def put():
        with pytest.raises(BotError) as error:
            outbox.put({}, text(3), b"{}")
        failed.append(error.value.code)

    putting = threading.Thread(target=put)
    putting.start()
    until(lambda: len(outbox._queue) == 1)
    outbox.close()
    putting.join(SECONDS)
    assert failed == ["CLOSED"] and outbox.pending == 3


async def filled(bot):
    """Fills the buffer: three events are in it."""
    for _ in range(3):
        await bot.emit_nowait("state_snapshot", SNAPSHOT)


def awaited(run, **options):
    """Runs a test with a producer that has room for three events, and gives up on them at the end."""

    async def all_of_it():
        bot = AsyncBotProducer(IDENTITY, spool_folder=None, buffer_bytes=3 * SIZE, **{**AWAY, **options})
        try:
            await filled(bot)
            return await asyncio.wait_for(run(bot, bot._core.outbox), SECONDS)
        finally:
            # Its thread still looks for the broker; nobody waits for that.
            bot._core.courier._stop.set()
            bot._core.outbox.close()

    return asyncio.run(all_of_it())


async def begun(task_count, outbox):
    while len(outbox._queue) < task_count:
        await asyncio.sleep(0)


def test_S_43_tasks_are_admitted_in_the_order_of_their_calls():
    async def run(bot, outbox):
        emits = [asyncio.create_task(bot.emit_nowait("state_snapshot", SNAPSHOT)) for _ in range(3)]
        await begun(3, outbox)
        threads = threading.active_count()
        taken = outbox.take(9, 0)
        await asyncio.to_thread(lambda: [outbox.acknowledge([one]) for one in taken])
        emitted = [each.event_id for each in await asyncio.gather(*emits)]
        assert threading.active_count() <= threads + 1
        return emitted, [each.event.event_id for each in outbox.take(9, 0)]

    emitted, taken = awaited(run)
    assert emitted == taken and len(taken) == 3


def test_S_43_asyncio_says_so_when_no_room_came_in_time():
    async def run(bot, outbox):
        with pytest.raises(BotError, match="the buffer was full for 0.01 s") as refused:
            await bot.emit_nowait("state_snapshot", SNAPSHOT)
        assert refused.value.code == "BUFFER_FULL"
        return outbox.pending

    assert awaited(run, block_seconds=0.01) == 3


@pytest.mark.parametrize(("when_full", "dropped"), [("drop_new", 1), ("error", 0)])
def test_S_43_asyncio_has_the_other_policies_too(when_full, dropped):
    async def run(bot, outbox):
        if when_full == "drop_new":
            assert await bot.emit_nowait("state_snapshot", SNAPSHOT) is None
        else:
            with pytest.raises(BotError, match="raise buffer_bytes"):
                await bot.emit_nowait("state_snapshot", SNAPSHOT)
        return bot.status().dropped

    assert awaited(run, when_full=when_full) == dropped


def test_S_43_a_task_that_is_cancelled_leaves_the_queue_and_nobody_else():
    async def run(bot, outbox):
        emits = [asyncio.create_task(bot.emit_nowait("state_snapshot", SNAPSHOT)) for _ in range(2)]
        await begun(2, outbox)
        emits[0].cancel()
        with pytest.raises(asyncio.CancelledError):
            await emits[0]
        assert len(outbox._queue) == 1
        outbox.acknowledge(outbox.take(1, 0))
        await emits[1]
        # Buffered, and then cancelled: it is sent all the same.
        waits = asyncio.create_task(bot.emit("state_snapshot", SNAPSHOT))
        await begun(1, outbox)
        outbox.acknowledge(outbox.take(1, 0))
        await asyncio.sleep(0)
        waits.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waits
        return outbox.pending

    assert awaited(run) == 3


def test_S_43_a_loop_that_ended_is_no_end_for_the_producer(tmp_path):
    outboxes = []

    async def run():
        bot = AsyncBotProducer(IDENTITY, spool_folder=tmp_path, **AWAY)
        outboxes.append((bot, bot._core.outbox))
        asyncio.create_task(bot.emit("state_snapshot", SNAPSHOT))
        await asyncio.sleep(0.01)

    asyncio.run(run())
    [(bot, outbox)] = outboxes
    [waiting] = outbox.take(9, 0)
    waiting.settle(None)
    assert bot._core.close(0) == 1
