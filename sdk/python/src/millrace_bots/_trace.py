"""OpenTelemetry's trace context, where the package is installed."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any


def trace_source() -> Callable[[], str | None]:
    """Tells the W3C ``traceparent`` of the active context; nothing where there is none."""
    try:
        from opentelemetry import context, trace
        from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator
    except ImportError:
        return lambda: None

    active: Any = context.get_current
    current: Any = trace.get_current_span
    none: Any = trace.INVALID_SPAN
    inject = TraceContextTextMapPropagator().inject

    def traceparent() -> str | None:
        # Mostly nothing is active, and that is asked faster.
        if not active():
            return None
        span = current()
        if span is none or not span.get_span_context().is_valid:
            return None
        carrier: dict[str, str] = {}
        inject(carrier)
        return carrier.get("traceparent")

    return traceparent
