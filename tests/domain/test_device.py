"""What a user agent says of the device."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sillage.domain.device import device_of


@pytest.mark.parametrize(
    ("agent", "device"),
    [
        ("Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) AppleWebKit/605.1.15 Mobile/15E148", "mobile"),
        ("Mozilla/5.0 (Linux; Android 15; Pixel 9) AppleWebKit/537.36 Chrome/131.0 Mobile Safari/537.36", "mobile"),
        ("Mozilla/5.0 (Linux; Android 14; SM-X710) AppleWebKit/537.36 Chrome/131.0 Safari/537.36", "tablet"),
        ("Mozilla/5.0 (iPad; CPU OS 18_0 like Mac OS X) AppleWebKit/605.1.15 Mobile/15E148", "tablet"),
        ("Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:132.0) Gecko/20100101 Firefox/132.0", "desktop"),
        ("Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36", "desktop"),
        ("Mozilla/5.0 (Windows NT 5.1; rv:11.0) Gecko Firefox/11.0 (via ggpht.com GoogleImageProxy)", None),
        ("YahooMailProxy; https://help.yahoo.com/kb/yahoo-mail-proxy-SLN28749.html", None),
        ("curl/8.5", None),
        ("", None),
        (None, None),
    ],
)
def test_device_is_what_the_agent_says(agent: str | None, device: str | None) -> None:
    """Phones, tablets and computers are told apart; a proxy that fetches for a person hides theirs."""
    assert device_of(agent) == device


@given(st.text(max_size=300))
def test_any_agent_has_a_device_or_none(agent: str) -> None:
    """Whatever a client sends, the answer is one of four."""
    assert device_of(agent) in {"mobile", "tablet", "desktop", None}
