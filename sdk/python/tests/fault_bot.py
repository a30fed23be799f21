"""A bot for the fault tests: does what test/support/sdk-bot.ts does."""

import json
import sys
import threading
import time

from millrace_bots import BotProducer, Identity

options = json.loads(sys.argv[1])
wrong_nanos = int(options.get("clockHours", 0) * 3_600_000_000_000)
right_ns = time.time_ns
time.time_ns = lambda: right_ns() + wrong_nanos
saying = threading.Lock()


def say(text):
    with saying:
        sys.stdout.write(f"{text}\n")
        sys.stdout.flush()


def confirm(payload):
    say(f"confirmed {bot.emit('state_snapshot', payload).event_id}")


bot = BotProducer(
    Identity("fault-bot", "python", "epp_v2_4", "bitget_paper_trade", "BTC-USDT"),
    brokers=options["broker"],
    registry_url=options["registry"],
    topic_prefix=options["prefix"],
    spool_folder=options["spool"],
)
say("ready")
confirming = []
enough = threading.Event()
threading.Thread(target=lambda: (sys.stdin.readline(), enough.set()), daemon=True).start()
index = 0
while not enough.is_set():
    payload = {"state": "running", "equity_quote": str(index)}
    if index % 5 == 0:
        confirming.append(threading.Thread(target=confirm, args=(payload,), daemon=True))
        confirming[-1].start()
    else:
        say(f"buffered {bot.emit_nowait('state_snapshot', payload).event_id}")
    index += 1
    time.sleep(options["pauseMs"] / 1000)
for each in confirming:
    each.join()
bot.flush(120)
bot.close()
say("done")
