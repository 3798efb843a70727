"""Signing up on the web: one answer for all, one mail a day, and nothing before the button is pressed."""

from __future__ import annotations

import asyncio

import pytest
import sqlalchemy as sa

from sillage.domain.signup import NETWORK_PER_HOUR
from sillage.lake.event import EventType
from sillage.signup import SignupKey
from sillage.store import forms, suppressions
from sillage.store.forms import Form
from sillage.store.tables import consent_acts, consent_origins, contacts, senders, signups
from sillage.tokens import address_hash
from tests.conftest import SECRET
from tests.listening import EMAIL, NOW
from tests.web.conftest import Visit, client

AGREED = {"agree": "on", "email": "ada@shop.example"}


@pytest.fixture
def form(visit: Visit) -> Form:
    """A form that asks for a name and for measuring."""
    with visit.scene.store.write() as conn:
        conn.execute(senders.update().values(verified_at=NOW))
        sender = conn.execute(sa.select(senders.c.id)).scalar_one()
        return forms.create(
            conn, visit.scene.account_id, "News", sender_id=sender, wording="I agree to <news>", wording_version="1",
            tracking_wording="You may measure", asks_name=True, now=NOW,
        )  # fmt: skip


def waiting(visit: Visit) -> list[sa.Row[tuple[object, ...]]]:
    with visit.scene.store.read() as conn:
        return list(conn.execute(sa.select(signups).order_by(signups.c.id)))


def people(visit: Visit) -> set[str]:
    with visit.scene.store.read() as conn:
        return set(conn.execute(sa.select(contacts.c.email)).scalars())


def link(visit: Visit) -> str:
    return f"/s/{SignupKey(SECRET).sign(waiting(visit)[-1].id)}"


async def test_form_escapes_its_words_and_looking_notes_nothing(visit: Visit, form: Form) -> None:
    """GET and HEAD of a form change nothing; its words can't bring markup along."""
    page = await visit.http.get(f"/f/{form.key}")
    assert (page.status_code, "I agree to &lt;news&gt;" in page.text) == (200, True)
    await visit.http.head(f"/f/{form.key}")
    assert waiting(visit) == []


async def test_sign_up_makes_no_contact_until_the_button_is_pressed(visit: Visit, form: Form) -> None:
    """Form, then link, then button: only the last writes a contact, with the words and the proof."""
    asked = {**AGREED, "measure": "on", "first_name": "Ada", "last_name": "http://spam.example"}
    assert (await visit.http.post(f"/f/{form.key}", data=asked)).status_code == 200
    path = link(visit)
    for method in ("GET", "HEAD", "GET"):
        assert (await visit.http.request(method, path, headers={"purpose": "prefetch"})).status_code == 200
    assert (await visit.http.post(path)).status_code == 400
    assert "ada@shop.example" not in people(visit)
    for _ in range(2):
        assert (await visit.http.post(path, data={"confirm": "yes"})).status_code == 200
    with visit.scene.store.read() as conn:
        ada = conn.execute(sa.select(contacts).where(contacts.c.email == "ada@shop.example")).one()
        acts = conn.execute(
            sa.select(consent_acts.c.purpose, consent_acts.c.proof, consent_origins.c.wording, consent_acts.c.is_return)
            .join(consent_origins, consent_origins.c.id == consent_acts.c.origin_id)
            .where(consent_acts.c.contact_id == ada.id)
        ).all()
    assert (ada.first_name, ada.last_name, ada.source) == ("Ada", None, "form")
    assert sorted((a.purpose, a.wording) for a in acts) == [
        ("click_tracking", "You may measure"), ("marketing", "I agree to <news>"), ("open_tracking", "You may measure"),
    ]  # fmt: skip
    assert all(a.is_return and "81.2.3.0" in a.proof and "confirmed" in a.proof for a in acts)
    assert len(visit.scene.events(EventType.CONSENTED)) == 3
    assert waiting(visit)[0].email is None


async def test_a_thousand_sign_ups_for_one_mailbox_are_one_mail(visit: Visit, form: Form) -> None:
    """From many addresses, with dots and plus variants: one confirmation is due, and each visitor reads the same."""
    answers = set()
    for n in range(100):
        spelling = ("a.da" if n % 2 else "ada") + (f"+{n}" if n % 3 else "")
        async with client(visit.tracker, **{"x-forwarded-for": f"81.{n}.3.4"}) as http:
            said = await http.post(f"/f/{form.key}", data={**AGREED, "email": f"{spelling}@shop.example"})
            answers.add((said.status_code, said.text))
    assert len(answers) == 1
    assert len(waiting(visit)) == 1


async def test_sign_ups_at_once_are_one_mail(visit: Visit, form: Form) -> None:
    """Ten in the same moment are one."""
    await asyncio.gather(*(visit.http.post(f"/f/{form.key}", data=AGREED) for _ in range(10)))
    assert len(waiting(visit)) == 1


async def test_answer_is_the_same_for_known_and_blocked_addresses(visit: Visit, form: Form) -> None:
    """Whether an address is a contact, suppressed or unknown can't be learnt (trap 35)."""
    with visit.scene.store.write() as conn:
        held = address_hash(SECRET, "bounced@shop.example")
        suppressions.add(conn, visit.scene.account_id, channel="email", addresses=[(held, "npai")], now=NOW)
    answers = {
        (await visit.http.post(f"/f/{form.key}", data={**AGREED, "email": email})).text
        for email in (EMAIL, "bounced@shop.example", "new@shop.example")
    }
    assert len(answers) == 1
    assert {row.email for row in waiting(visit)} == {EMAIL, "new@shop.example"}


async def test_one_network_signs_up_so_many_an_hour(visit: Visit, form: Form) -> None:
    """A program behind one network that signs up strangers is told to wait."""
    codes = [
        (await visit.http.post(f"/f/{form.key}", data={**AGREED, "email": f"v{n}@shop.example"})).status_code
        for n in range(NETWORK_PER_HOUR + 2)
    ]
    assert codes == [200] * NETWORK_PER_HOUR + [429, 429]


async def test_program_that_fills_the_hidden_field_gets_nowhere(visit: Visit, form: Form) -> None:
    """It reads the same answer, and nothing is noted."""
    said = await visit.http.post(f"/f/{form.key}", data={**AGREED, "website": "x"})
    assert (said.status_code, waiting(visit)) == (200, [])


@pytest.mark.parametrize("wrong", [{"email": "nobody"}, {"email": "a@b.example\r\nBcc: c@d.example"}, {"agree": None}])
async def test_wrong_input_is_said_and_notes_nothing(visit: Visit, form: Form, wrong: dict[str, str | None]) -> None:
    """No address, a line end in one, or no box ticked: 400, and the form again."""
    data = {name: value for name, value in {**AGREED, **wrong}.items() if value is not None}
    said = await visit.http.post(f"/f/{form.key}", data=data)
    assert (said.status_code, "<form" in said.text, waiting(visit)) == (400, True, [])


async def test_confirming_brings_back_who_left_and_complained(visit: Visit, form: Form) -> None:
    """It is their own act: marketing holds again, and the complaint is off the list."""
    scene = visit.scene
    await visit.http.post(f"/u/{scene.token}", data={"confirm": "yes"})
    with scene.store.write() as conn:
        held = address_hash(SECRET, EMAIL)
        suppressions.add(conn, scene.account_id, channel="email", addresses=[(held, "complaint")], now=NOW)
    await visit.http.post(f"/f/{form.key}", data={**AGREED, "email": EMAIL})
    assert scene.consent()[0] == "withdrawn"
    await visit.http.post(link(visit), data={"confirm": "yes"})
    assert (scene.consent()[0], scene.suppressed()) == ("granted", None)


@pytest.mark.parametrize("path", ["/f/unknown", "/s/AAAAAAAAAAAAAAAAAAAAAAAAAAAA", "/s/short", "/s/%00"])
async def test_unknown_links_lead_nowhere(visit: Visit, path: str) -> None:
    """A closed form, a made-up token: the same 404, by GET and by POST."""
    assert (await visit.http.get(path)).status_code == 404
    assert (await visit.http.post(path, data={"confirm": "yes"})).status_code == 404
