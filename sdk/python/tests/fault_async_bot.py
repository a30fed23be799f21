"""A bot for the fault tests: does what fault_bot.py does, by the producer for asyncio and with the right clock."""

import asyncio
import json
import sys

from millrace_bots import AsyncBotProducer, Identity

options = json.loads(sys.argv[1])


def say(text):
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


async def main():
    bot = AsyncBotProducer(
        Identity("fault-bot", "asyncio", "epp_v2_4", "bitget_paper_trade", "BTC-USDT"),
        brokers=options["broker"],
        registry_url=options["registry"],
        topic_prefix=options["prefix"],
        spool_folder=options["spool"],
    )

    async def confirm(payload):
        say(f"confirmed {(await bot.emit('state_snapshot', payload)).event_id}")

    say("ready")
    enough = asyncio.create_task(asyncio.to_thread(sys.stdin.readline))
    confirming = []
    index = 0
    while not enough.done():
        payload = {"state": "running", "equity_quote": str(index)}
        if index % 5 == 0:
            confirming.append(asyncio.create_task(confirm(payload)))
        else:
            say(f"buffered {(await bot.emit_nowait('state_snapshot', payload)).event_id}")
        index += 1
        await asyncio.sleep(options["pauseMs"] / 1000)
    await asyncio.gather(*confirming)
    await bot.flush(120)
    await bot.close()
    say("done")


asyncio.run(main())
