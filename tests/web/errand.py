"""What tests of pages with errands share: a form's token, and a button pressed and waited for."""

from __future__ import annotations

import time
from typing import Any

import httpx


def token(client: httpx.Client) -> str:
    """The token that the forms of a client's session carry."""
    return client.get("/sources").text.split('name="csrf" value="', 1)[1].split('"', 1)[0]


def asked(client: httpx.Client, here: str, action: str, **form: str) -> tuple[str, dict[str, Any]]:
    """A button pressed, and waited for: the page that follows and its twin."""
    said = client.post(here, data={"csrf": token(client), "action": action, **form})
    assert said.status_code == 200, said.text[:2000]
    address = said.url.path
    limit = time.monotonic() + 120
    while (twin := client.get(f"{address}.json").json())["state"] == "running":
        assert time.monotonic() < limit
        time.sleep(0.05)
    return client.get(address).text, twin
