"""The rules and schemas that the server has too; the file is made by scripts/generate-sdk-contract.ts."""

from __future__ import annotations

import json
from importlib.resources import files
from typing import Any, Final

_CONTRACT: Final[dict[str, Any]] = json.loads(
    files(__package__).joinpath("contract.json").read_text("utf-8")
)
RULES: Final[dict[str, Any]] = _CONTRACT["rules"]
SCHEMAS: Final[dict[str, Any]] = _CONTRACT["schemas"]
LIMITS: Final[dict[str, int]] = RULES["limits"]
TOPIC: Final[str] = RULES["topic"]
SENT_TOPIC: Final = "orders.sent"
#: Full name of the Avro record, by event type.
RECORDS: Final[dict[str, str]] = {
    event_type: event["record"] for event_type, event in RULES["events"].items()
}
