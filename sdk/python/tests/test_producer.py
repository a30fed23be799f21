"""The producer against a broker and a registry."""

import asyncio
import json
from decimal import Decimal

import pytest
from millrace_bots import AsyncBotProducer, BotError, BotProducer
from millrace_bots._record import partition_of

DECISION = {"approved": True, "decision": "allow", "reason": "within limits"}
ORDER = {
    "client_order_id": "c-1",
    "side": "buy",
    "order_type": "limit",
    "price": Decimal("1.10"),
    "amount_base": "0.5",
    "is_live": True,
}
FILL = {
    "client_order_id": "c-1",
    "fill_price": "1.10",
    "fill_qty_base": "0.5",
    "fill_qty_quote": "0.55",
    "fee_asset": "USDT",
    "fee_amount": "0.0001",
    "liquidity_side": "maker",
}
EACH = [
    ("order_created", ORDER),
    ("order_cancelled", {"client_order_id": "c-1"}),
    ("order_failed", {"error_message": "insufficient balance"}),
    ("order_filled", FILL),
    ("risk_decision", DECISION),
    ("state_snapshot", {"state": "running"}),
]


def headers(message):
    return {name: value.decode() for name, value in message.headers()}


def of_chain(topic, correlation_id):
    return [each for each in topic.records() if each.key().decode() == correlation_id]


def test_S_15_S_16_S_42_a_chain_has_one_correlation_and_one_partition(topic, options, identity):
    with BotProducer(identity, **options) as bot:
        decision = bot.emit("risk_decision", DECISION)
        order = bot.child(decision).emit("order_created", ORDER)
        # What another service read is followed just the same.
        fill = bot.child({"event_id": order.event_id, "correlation_id": order.correlation_id}).emit("order_filled", FILL)
        with pytest.raises(BotError, match="no event to follow") as refused:
            bot.child({})
    assert refused.value.code == "NO_UPSTREAM"
    assert decision.correlation_id == decision.event_id and decision.causation_id is None
    assert order.correlation_id == decision.event_id and order.causation_id == decision.event_id
    assert fill.causation_id == order.event_id
    chain = of_chain(topic, decision.event_id)
    assert [headers(each)["event_id"] for each in chain] == [each.event_id for each in (decision, order, fill)]
    assert {each.partition() for each in chain} == {partition_of(decision.event_id, 4)}


def test_S_43_emits_each_of_the_six_types(topic, options, identity):
    with BotProducer(identity, **options) as bot:
        root = bot.emit(*EACH[0])
        for event_type, payload in EACH[1:]:
            bot.child(root).emit_nowait(event_type, payload)
        bot.flush()
        assert bot.status().pending == 0
    chain = of_chain(topic, root.event_id)
    assert [headers(each)["event_type"] for each in chain] == [event_type for event_type, _ in EACH]
    sequences = [int(headers(each)["producer_sequence"]) for each in chain]
    assert sequences == list(range(1, len(EACH) + 1))


def test_S_43_S_24_an_invalid_call_raises_before_sending(options, identity):
    with BotProducer(identity, **options) as bot:
        with pytest.raises(BotError, match=r"payload\.price is missing") as refused:
            bot.emit("order_created", {key: value for key, value in ORDER.items() if key != "price"})
        assert (refused.value.code, refused.value.problem.field) == ("INVALID_EVENT", "payload.price")
        with pytest.raises(BotError, match="event_id is no UUID of version 4"):
            bot.emit("risk_decision", DECISION, event_id="1")
        assert bot.status().pending == 0 and bot.status().confirmed == 0
    with pytest.raises(BotError, match="this producer is closed"):
        bot.emit("risk_decision", DECISION)


def test_S_43_numbers_go_on_after_a_restart_and_the_rest_is_sent(topic, options, identity):
    with BotProducer(identity, **options) as bot:
        root = bot.emit("risk_decision", DECISION)
        first = bot.status()
    # A broker that is away: what is buffered waits in the spool for the next start.
    away = BotProducer(identity, **{**options, "brokers": "127.0.0.1:9"})
    event = away.child(root).emit_nowait("order_created", ORDER)
    assert away.close(0) == 1
    with BotProducer(identity, **options) as again:
        again.flush()
        assert again.status().incarnation == first.incarnation
    chain = of_chain(topic, root.event_id)
    assert [headers(each)["event_id"] for each in chain] == [root.event_id, event.event_id]
    assert [int(headers(each)["producer_sequence"]) for each in chain] == [1, 2]
    sent = [json.loads(each.value()) for each in topic.records(f"{topic.prefix}orders.sent")]
    own = [each["sent"] for each in sent if each["producer_id"] == f"{first.producer_id}/{first.incarnation}"]
    assert max(own[-1]) == 2


def test_S_43_asyncio_keeps_the_same_promises(topic, options, identity):
    async def run():
        async with AsyncBotProducer(identity, **options) as bot:
            root = await bot.emit("risk_decision", DECISION)
            chain = bot.child(root)
            await asyncio.gather(*(chain.emit(*each) for each in EACH))
            await chain.emit_nowait("state_snapshot", {"state": "soft_pause"})
            await bot.flush()
            with pytest.raises(BotError, match="payload.state"):
                await bot.emit("state_snapshot", {"state": "stopped"})
            return root

    root = asyncio.run(run())
    assert len(of_chain(topic, root.event_id)) == 2 + len(EACH)


def test_S_43_the_trace_context_goes_with_the_event(topic, options, identity):
    from opentelemetry import trace

    context = trace.SpanContext(
        trace_id=0x4BF92F3577B34DA6A3CE929D0E0E4736,
        span_id=0x00F067AA0BA902B7,
        is_remote=False,
        trace_flags=trace.TraceFlags(1),
    )
    with BotProducer(identity, **options) as bot:
        with trace.use_span(trace.NonRecordingSpan(context)):
            inside = bot.emit("risk_decision", DECISION)
        outside = bot.emit("risk_decision", DECISION)
    [traced] = of_chain(topic, inside.event_id)
    assert headers(traced)["traceparent"] == "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
    assert b"4bf92f3577b34da6a3ce929d0e0e4736" in traced.value()
    [untraced] = of_chain(topic, outside.event_id)
    assert "traceparent" not in headers(untraced)
