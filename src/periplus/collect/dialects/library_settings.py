"""What the libraries of Segment and RudderStack for browsers ask their host for before they send anything.

Ours says: send here, to nobody else, and measure nothing of yourself.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

LOCAL = ("127.0.0.1", "localhost", "[::1]")


def of_segment(key: str, headers: Mapping[str, str]) -> dict[str, Any]:
    """For analytics-next, which asks the address it was given as `cdnURL` and then sends to `apiHost`."""
    host = headers.get("host", "")
    local = host.partition(":")[0] in LOCAL or host.startswith(LOCAL[-1])
    scheme = headers.get("x-forwarded-proto", "http" if local else "https").partition(",")[0].strip()
    sender: dict[str, Any] = {
        "apiKey": key,
        "apiHost": f"{host}/v1",
        "protocol": "http" if scheme == "http" else "https",
        "addBundledMetadata": False,
        "unbundledIntegrations": [],
        "maybeBundledConfigIds": {},
    }
    return {
        "integrations": {"Segment.io": sender},
        "plan": {"track": {"__default": {"enabled": True, "integrations": {}}}},
        "edgeFunction": {},
        "middlewareSettings": {},
        "enabledMiddleware": {},
        "remotePlugins": [],
        "analyticsNextEnabled": True,
        "legacyVideoPluginsEnabled": False,
        "metrics": {"sampleRate": 0},
    }


def of_rudderstack(key: str) -> dict[str, Any]:
    """For RudderStack's library, which asks its `configUrl` and sends to the address it was loaded with."""
    quiet = {"errors": {"enabled": False}, "metrics": {"enabled": False}}
    source = {
        "id": "periplus",
        "name": "Periplus",
        "writeKey": key,
        "enabled": True,
        "workspaceId": "periplus",
        "config": {"statsCollection": quiet},
        "destinations": [],
        "connections": [],
        "dataplanes": {},
    }
    return {"source": source, "updatedAt": "2026-01-01T00:00:00Z", "isHosted": False}
