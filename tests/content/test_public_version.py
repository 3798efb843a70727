"""The public version of a message: nothing of a person in it, links that lead, and a face for networks."""

from __future__ import annotations

import re
import time
from html import escape

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sillage.content.html import MARKS, SHARE_FIELDS
from sillage.content.message import Source
from sillage.content.public import Bar, Face, public_page, speaking, without_person
from sillage.domain.campaign import SourceKind
from sillage.domain.sharing import Network, dialog, public_address

ADDRESS = "https://news.maison.example/p/" + "k" * 22
BUTTONS = " · ".join(f'<a href="{{{{ {name} }}}}">{network}</a>' for network, name in SHARE_FIELDS.items())
BODY = (
    "<html><head></head><body><p>Dear {{ first_name | default: 'friend' }} {{ last_name }}</p>"
    '<a href="https://shop.example/?a=1&amp;b=2">Shop</a>'
    '{% if segments contains "VIP" %}<p>For VIPs alone</p>{% endif %}' + BUTTONS +
    '<p>{{ legal_identity }} {{ reason }}</p><p><a href="{{ unsubscribe_url }}">Leave</a> · '
    '<a href="{{ web_version_url }}">Online</a> | <a style="x" href=\'{{ withdraw_tracking_url }}\'><b>Measure</b></a>'
    "</p></body></html>"
)  # fmt: skip


def _page(body: str, *, bar: bool = True, **more: object) -> str:
    face = Face(
        language="fr", site="Maison <b>", title='Lamps "2026"', description="Three & more", address=ADDRESS + "?via=x",
        canonical=ADDRESS, **more,  # type: ignore[arg-type]
    )  # fmt: skip
    ways = {network: (network.title(), f"{ADDRESS}/{network}") for network in Network}
    source = Source(SourceKind.HTML, body, "For {{ first_name }}", "Preheader {{ first_name }}")
    return public_page(source, "Maison SAS, 1 quai du Port", face, Bar("A copy", "Share it:", ways) if bar else None)


def test_public_version_holds_nothing_of_a_person_and_no_link_of_their_own() -> None:
    """Fields hold defaults, conditions on a person hold nothing, the ways out are gone with what stood between them."""
    page = _page(BODY)
    assert "Dear friend" in page
    for gone in ("VIPs", "Leave", "Online", "Measure", "{{", "{%", "/u/", "/t/", "/w/", "/c/", "/o/", *MARKS):
        assert gone not in page, gone
    assert "<p></p>" in page, "no sign that stood between links is left"
    assert "Maison SAS, 1 quai du Port" in page
    assert 'href="https://shop.example/?a=1&amp;b=2"' in page


def test_public_version_shows_itself_to_networks() -> None:
    """Open Graph with the address that the network was given, a picture with its words, and no listing unless asked."""
    page = _page(BODY, image="https://news.maison.example/i/x.png", image_alt="Lamp", image_size=(1200, 630))
    told = dict(re.findall(r'<meta property="(og:[\w:]+)" content="([^"]*)">', page))
    assert told["og:title"] == "Lamps &quot;2026&quot;"
    assert told["og:description"] == "Three &amp; more"
    assert (told["og:url"], told["og:image:alt"]) == (ADDRESS + "?via=x", "Lamp")
    assert (told["og:site_name"], told["og:locale"]) == ("Maison &lt;b&gt;", "fr_FR")
    assert f'<link rel="canonical" href="{ADDRESS}">' in page
    assert 'content="noindex, nofollow"' in page
    assert "noindex" not in _page(BODY, is_listed=True)
    assert '<html lang="fr">' in page


def test_share_buttons_of_the_mail_lead_to_those_of_the_page() -> None:
    """Each button that the author placed is one of the public version there, and those of the bar stand above."""
    page = _page(BODY)
    for network in Network:
        assert page.count(f'href="{ADDRESS}/{network}"') == 2
    assert "Share it:" not in _page(BODY, bar=False)


@given(st.text(max_size=40), st.sampled_from(["{{ unsubscribe_url }}", "{{ web_version_url }}", "{{ share_x_url }}"]))
def test_no_mark_outlives_whatever_stands_around_it(noise: str, field: str) -> None:
    """Wherever a person's own address was written, in text, conditions or broken tags, none of it is left."""
    noise = re.sub(r"[{}%\ue000-\ue002]", "", noise)
    page = _page(
        f"<p>{noise}<a {escape(noise)} href={field}>x {field} {{% if a %}}{field}{{% else %}}{field}{{% endif %}}"
    )
    assert not any(mark in page for mark in MARKS)
    assert not re.search(r"/[utwcoh]/", page.replace(noise, ""))


@pytest.mark.parametrize("piece", ["<a ", " ", "<a href={{ unsubscribe_url }}>", "· ", "<html ", "-"])
def test_public_version_takes_its_time_from_nobody(piece: str) -> None:
    """However often a piece is repeated, the page is made in the time that its length asks for."""
    begun = time.process_time()
    _page("<p>" + piece * (150_000 // len(piece)))
    assert time.process_time() - begun < 4


@pytest.mark.parametrize(
    ("subject", "said"),
    [
        ("{{ first_name }}, something new", "something new"),
        ("Hello {{ first_name }}, look", "Hello, look"),
        ("{{ first_name | default: 'You' }}: lamps", "You: lamps"),
        ("{% if vip %}Only you{% endif %}", ""),
    ],
)
def test_subject_is_read_without_a_person(subject: str, said: str) -> None:
    """What a name leaves behind is tidied."""
    assert without_person(subject, {}) == said


def test_dialogs_carry_address_and_words_as_values_alone() -> None:
    """Whatever the title holds, it stays one value of the network's address."""
    address = public_address("https://news.maison.example", "k" * 22, Network.X)
    for network in Network:
        there = dialog(network, address, "A & B?\r\nBcc: x#=é")
        assert not re.search(r"[\r\n\s]", there)
        assert there.count("%3A%2F%2Fnews.maison.example%2Fp%2F") == 1
        assert "Bcc: " not in there
        assert there.startswith(("https://", "mailto:?subject="))


@pytest.mark.parametrize(
    ("tag", "said"),
    [("<html>", '<html lang="fr">'), ('<html lang="en">', '<html lang="en">'), ('<html lang="">', '<html lang="fr">')],
)
def test_page_says_its_language_where_its_author_did_not(tag: str, said: str) -> None:
    """A language that is there stays."""
    assert speaking(f"{tag}<body>", "fr") == f"{said}<body>"
