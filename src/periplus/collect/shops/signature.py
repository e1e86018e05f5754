"""Signatures of deliveries: base64 of an HMAC-SHA256, compared in constant time."""

from __future__ import annotations

import base64
import hashlib
import hmac


def of(secret: str, content: bytes) -> str:
    """The signature of some content.

    >>> of("secret", b"{}")
    'dzJZAsrKgS3CWXM6rNBGtzgXNyx3e42VtAJkdHRRbhM='
    """
    return base64.b64encode(hmac.new(secret.encode(), content, hashlib.sha256).digest()).decode()


def holds(secret: str, content: bytes, given: str | None) -> bool:
    """Whether the signature given is that of the content; never where the secret is empty."""
    if not secret or not given:
        return False
    return hmac.compare_digest(of(secret, content).encode(), given.strip().encode("utf-8", "replace"))
