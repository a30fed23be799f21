"""Signs each request of schemathesis as docs/guides/access.md says: KEY and SECRET in the environment."""

import hashlib
import hmac
import os
import secrets
import time
from urllib.parse import urlsplit

import requests
import schemathesis


class Signature(requests.auth.AuthBase):
    """Asked when the request is ready to go, so that what is signed is what is sent."""

    def __call__(self, request):
        parts = urlsplit(request.url)
        target = parts.path + (f"?{parts.query}" if parts.query else "")
        body = request.body or b""
        if isinstance(body, str):
            body = body.encode()
        timestamp, nonce = str(int(time.time())), secrets.token_hex(16)
        lines = [timestamp, nonce, request.method, target, hashlib.sha256(body).hexdigest()]
        secret = os.environ["SECRET"].encode()
        signature = hmac.new(secret, "\n".join(lines).encode(), hashlib.sha256).hexdigest()
        request.headers.update(
            {
                "X-Api-Key": os.environ["KEY"],
                "X-Timestamp": timestamp,
                "X-Nonce": nonce,
                "X-Signature": signature,
            }
        )
        return request


@schemathesis.hook
def before_call(context, case, kwargs):
    kwargs["auth"] = Signature()
