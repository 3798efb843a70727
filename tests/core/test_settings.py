"""Settings name what is wrong by its variable, and refuse to send unsafely."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import pytest

from sillage.clock import Clock
from sillage.errors import BadInput
from sillage.settings import Settings, Transport
from tests.conftest import SECRET


def test_secret_is_asked_for_by_name():
    """Without a secret the variable is named, with the way to make one."""
    with pytest.raises(BadInput, match="SILLAGE_SECRET: is not set; `openssl rand -hex 32` makes one"):
        Settings.load()


@pytest.mark.parametrize("secret", ["short", "changeme"])
def test_placeholder_is_refused(secret: str, monkeypatch: pytest.MonkeyPatch):
    """A secret that anybody could guess is refused."""
    monkeypatch.setenv("SILLAGE_SECRET", secret)
    with pytest.raises(BadInput, match="32 characters or more"):
        Settings.load()


@pytest.mark.parametrize(
    ("variables", "message"),
    [
        ({"SILLAGE_TRANSPORT": "pigeon"}, "SILLAGE_TRANSPORT: Input should be 'postoffice', 'relay' or 'direct'"),
        ({"SILLAGE_TRANSPORT": "relay"}, "public https address"),
        ({"SILLAGE_TRANSPORT": "relay", "SILLAGE_PUBLIC_URL": "https://t.example"}, "relay_host is empty"),
        ({"SILLAGE_TRANSPORT": "direct", "SILLAGE_PUBLIC_URL": "http://t.example"}, "public https address"),
        (
            {
                "SILLAGE_TRANSPORT": "relay",
                "SILLAGE_PUBLIC_URL": "https://t.example",
                "SILLAGE_RELAY_HOST": "r",
                "SILLAGE_RELAY_USER": "u",
                "SILLAGE_RELAY_PASSWORD_ENV": "NOT_SET",
            },
            "put the password of 'u' in a variable",
        ),
        ({"SILLAGE_RELAYS": '[{"host": "r", "tls": "maybe"}]'}, "SILLAGE_RELAYS"),
    ],
)
def test_unsafe_sending_is_refused(variables: dict[str, str], message: str, monkeypatch: pytest.MonkeyPatch):
    """A relay without public https, host or DKIM is refused, and a wrong word gets the list of right ones."""
    for name, value in {"SILLAGE_SECRET": SECRET, **variables}.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(BadInput, match=message):
        Settings.load()


def test_child_gets_the_same_settings(settings: Settings, monkeypatch: pytest.MonkeyPatch):
    """The environment made for a child process reads back as the same settings."""
    clock = Clock.started_now(origin=datetime(2026, 1, 1, tzinfo=UTC), speed=60)
    more = {
        "trusted_proxies": ("127.0.0.1", "::1"),
        "relays": [{"host": "r", "weight": 2}],
        "dns_servers": ("127.0.0.1:5",),
    }
    told = Settings(**{**settings.model_dump(), **more}, SILLAGE_CLOCK=str(clock))
    for name, value in told.environment().items():
        monkeypatch.setenv(name, value)
    assert Settings.load() == told


def test_secret_is_not_shown(settings: Settings):
    """No text or JSON of the settings holds the secret."""
    assert SECRET not in repr(settings)
    assert SECRET not in json.dumps(settings.model_dump(mode="json"))


def test_nothing_listens_beyond_loopback_by_default(settings: Settings):
    """By default every port is on loopback and mail goes to the post office."""
    assert settings.host == "127.0.0.1"
    assert settings.transport is Transport.POSTOFFICE
    assert settings.base_url.startswith("http://127.0.0.1:")


def test_fast_clock_reads_back_and_runs_fast():
    """A clock written as text is the same clock, and a business hour takes a minute at 60 times the speed."""
    clock = Clock.started_now(origin=datetime(2026, 1, 1, tzinfo=UTC), speed=60)
    again = Clock.parse(str(clock))
    assert again == clock
    assert abs((again.now() - clock.now()).total_seconds()) < 5
    assert again.wall_seconds(again.now() - again.now()) <= 0
    assert Clock.parse("") == Clock()
    with pytest.raises(BadInput, match="ORIGIN@WALL"):
        Clock.parse("fast")
    with pytest.raises(BadInput, match="run forward"):
        Clock.parse("1@1*0")
