"""Nothing leaves the machine from an unverified sender, with links elsewhere, or unsigned."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from sillage.campaign.prepare import refuse_unready
from sillage.errors import BadInput
from sillage.settings import Settings, Transport
from sillage.store.campaigns import Sender

NOW = datetime(2026, 11, 24, tzinfo=UTC)


def leaving(settings: Settings, **changes: object) -> Settings:
    told = {
        "transport": Transport.RELAY, "relay_host": "r.example", "public_url": "https://news.maison.example", **changes,
    }  # fmt: skip
    return Settings(**{**settings.model_dump(), **told})  # type: ignore[arg-type]


def sender(email: str = "news@maison.example", verified_at: datetime | None = NOW) -> Sender:
    return Sender(1, "Maison", email, None, verified_at)


@pytest.mark.parametrize("transport", [Transport.RELAY, Transport.DIRECT])
def test_signed_mail_of_a_verified_sender_may_leave(settings: Settings, transport: Transport):
    """With https under the sender's domain and a key, or a relay that signs, mail may leave."""
    refuse_unready(leaving(settings, transport=transport), sender(), signs=True)
    refuse_unready(leaving(settings, relay_signs_dkim=True), sender(), signs=False)
    refuse_unready(settings, sender(verified_at=None), signs=False)


@pytest.mark.parametrize(
    ("who", "changes", "signs", "said"),
    [
        (sender(verified_at=None), {}, True, "not verified"),
        (sender("news@other.example"), {}, True, "not under other.example"),
        (sender("news@son.example"), {"public_url": "https://news.maison.example"}, True, "not under son.example"),
        (sender(), {}, False, "nothing signs mail from maison.example"),
    ],
)
def test_what_may_not_leave_is_refused_with_the_mend(
    settings: Settings, who: Sender, changes: dict[str, object], said: str, *, signs: bool
):
    """Each lack is named, and what to do about it."""
    with pytest.raises(BadInput, match=said):
        refuse_unready(leaving(settings, **changes), who, signs=signs)
