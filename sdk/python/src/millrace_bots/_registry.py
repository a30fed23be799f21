"""The two calls of the Confluent schema registry API that a producer needs."""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from typing import Any
from urllib.parse import quote

from ._contract import RECORDS, SCHEMAS, TOPIC
from ._limits import REQUEST_SECONDS

_MEDIA_TYPE = "application/vnd.schemaregistry.v1+json"
_COMPATIBILITY = "FULL_TRANSITIVE"


class RegistryError(Exception):
    """The registry is away, or refuses."""


def schema_ids(url: str, topic_prefix: str) -> dict[str, int]:
    """The id of each event type's schema; what the registry does not have yet is put there.

    Raises: RegistryError.
    """
    return {
        event_type: _id_of(url.rstrip("/"), f"{topic_prefix}{TOPIC}-{record}", SCHEMAS[record])
        for event_type, record in RECORDS.items()
    }


def _id_of(url: str, subject: str, schema: Any) -> int:
    text = json.dumps(schema, separators=(",", ":"), ensure_ascii=False)
    path = f"{url}/subjects/{quote(subject, safe='')}"
    found = _call("POST", path, {"schema": text})
    if found is None:
        found = _call("POST", f"{path}/versions", {"schema": text})
        config = f"{url}/config/{quote(subject, safe='')}"
        _call("PUT", config, {"compatibility": _COMPATIBILITY})
    if not isinstance(found, dict) or not isinstance(found.get("id"), int):
        raise RegistryError(f"{path} was answered without a schema id; is registry_url right?")
    number: int = found["id"]
    return number


def _call(method: str, url: str, body: Any) -> Any:
    """The answer; None for 404. Raises: RegistryError."""
    headers = {"content-type": _MEDIA_TYPE, "accept": f"{_MEDIA_TYPE}, application/json"}
    request = urllib.request.Request(
        url, data=json.dumps(body).encode(), headers=headers, method=method
    )
    try:
        with urllib.request.urlopen(request, timeout=REQUEST_SECONDS) as response:
            return json.loads(response.read())
    except urllib.error.HTTPError as error:
        if error.code == 404:
            return None
        said = error.read()[:300].decode("utf-8", "replace")
        raise RegistryError(f"{method} {url} was answered {error.code}: {said}") from error
    except (OSError, ValueError) as error:
        raise RegistryError(f"no answer from {url}: {error}; is the schema registry up?") from error
