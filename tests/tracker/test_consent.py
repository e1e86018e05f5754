"""What is stored and sent before, with, against and after a choice."""

from __future__ import annotations

from typing import Any

import pytest

from tests.tracker.conftest import Put
from tests.tracker.loopback import Recorder

pytestmark = pytest.mark.browser

STORED = "[document.cookie, ...Object.keys(localStorage), ...Object.keys(sessionStorage)].filter(Boolean)"
SIGNALS = {
    "gpc": "Object.defineProperty(Navigator.prototype, 'globalPrivacyControl', {get: () => true})",
    "dnt": "Object.defineProperty(Navigator.prototype, 'doNotTrack', {get: () => '1'})",
}


def names(visitor: Any) -> set[str]:
    return {cookie["name"] for cookie in visitor.cookies()}


def test_required_means_nothing_before(put: Put, collector: Recorder, visitor: Any) -> None:
    tab = visitor.new_page()
    tab.goto(put("/", consent="required") + "?utm_medium=email")
    tab.evaluate('periplus("identify", "anna"); periplus("product", {product_id: "p-1"})')
    tab.wait_for_timeout(500)
    assert tab.evaluate(STORED) == []
    tab.evaluate('periplus("consent", {analytics: true, personalisation: false})')
    (viewed,) = collector.wait("Product Viewed")
    assert collector.names() == ["page", "identify", "Product Viewed"], "what was held comes after, in order"
    assert viewed["userId"] == "anna"
    for message in collector.accepted:
        preferences = {"analytics": True, "personalisation": False, "marketing": False}
        assert message["context"]["consent"] == {"categoryPreferences": preferences}
        assert message["context"]["arrival"] == {"campaign": {"medium": "email"}}
    tab.goto(put("/2", consent="required"))
    assert len(collector.wait("page", 2)) == 2, "the choice is kept"


def test_required_and_refused_means_nothing_ever(put: Put, collector: Recorder, visitor: Any) -> None:
    tab = visitor.new_page()
    tab.goto(put("/", consent="required"))
    tab.evaluate('periplus("consent", {analytics: false}); periplus("track", "X")')
    tab.wait_for_timeout(300)
    tab.goto(put("/2", consent="required"))
    tab.wait_for_timeout(300)
    assert not collector.received
    assert names(visitor) == {"periplus_consent"}
    tab.evaluate('periplus("consent", {analytics: true}); periplus("track", "Now")')
    collector.wait("Now")
    assert collector.names() == ["Now"], "what was said against the visitor's will stays unsaid"


def test_held_messages_leave_nothing_when_the_tab_closes(put: Put, collector: Recorder, visitor: Any) -> None:
    tab = visitor.new_page()
    tab.goto(put("/", consent="required"))
    tab.wait_for_timeout(300)
    tab.goto(put("/2", consent="required"))
    tab.wait_for_timeout(300)
    assert tab.evaluate(STORED) == []
    assert not collector.received


def test_a_choice_taken_back_forgets_everything(put: Put, collector: Recorder, visitor: Any) -> None:
    tab = visitor.new_page()
    tab.goto(put("/"))
    collector.wait("page")
    tab.evaluate('periplus("identify", "anna")')
    (first,) = collector.wait("identify")
    visitor.set_offline(True)
    tab.evaluate('periplus("track", "Not Sent Yet")')
    tab.wait_for_timeout(200)
    tab.evaluate('periplus("consent", {analytics: false})')
    visitor.set_offline(False)
    tab.wait_for_timeout(1500)
    assert collector.names() == ["page", "identify"]
    assert names(visitor) == {"periplus_consent"} or names(visitor) == {"periplus_consent", "periplus_pause"}
    assert tab.evaluate("Object.keys(localStorage).length") == 0
    tab.evaluate('periplus("consent", {analytics: true}); periplus("track", "Again")')
    (again,) = collector.wait("Again")
    assert again["anonymousId"] != first["anonymousId"]
    assert "userId" not in again


def test_a_change_is_told_and_goes_with_what_follows(put: Put, collector: Recorder, tab: Any) -> None:
    tab.goto(put("/") + "?gclid=secret")
    (page,) = collector.wait("page")
    assert "consent" not in page["context"]
    assert page["context"]["referrer"] == {"type": "gclid", "id": "secret"}
    tab.evaluate('periplus("consent", {marketing: false})')
    (told,) = collector.wait("Consent Preference Updated")
    preferences = {"analytics": True, "personalisation": True, "marketing": False}
    assert told["context"]["consent"] == {"categoryPreferences": preferences}
    assert told["context"]["referrer"] == {"type": "gclid"}, "the id of a click serves advertising"
    assert told["context"]["arrival"] == {"click": "gclid"}
    tab.evaluate('periplus("consent", {marketing: true}); periplus("track", "X")')
    assert collector.wait("X")[0]["context"]["consent"]["categoryPreferences"]["marketing"] is True


@pytest.mark.parametrize("signal", SIGNALS)
@pytest.mark.parametrize("consent", ["", "required"])
def test_a_browser_that_says_no_is_believed(
    signal: str, consent: str, put: Put, collector: Recorder, visitor: Any
) -> None:
    visitor.add_init_script(SIGNALS[signal])
    options = {"consent": consent} if consent else {}
    tab = visitor.new_page()
    tab.goto(put("/", **options))
    tab.evaluate('periplus("track", "X")')
    tab.wait_for_timeout(300)
    tab.goto(put("/2", **options))
    tab.wait_for_timeout(300)
    assert tab.evaluate(STORED) == []
    assert not collector.received
    # A choice made on the page is the more particular word, for what it names.
    tab.evaluate('periplus("consent", {analytics: true})')
    (page,) = collector.wait("page")
    preferences = {"analytics": True, "personalisation": False, "marketing": False}
    assert page["context"]["consent"] == {"categoryPreferences": preferences}
