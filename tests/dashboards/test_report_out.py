"""The report away from its page: the PDF and the mail say the figures of the page, in both languages."""

from __future__ import annotations

import email
import email.policy
import io
import re
from datetime import timedelta
from email.message import EmailMessage
from pathlib import Path

import polars as pl
import pytest
from pages_world import Browser, Home
from pypdf import PdfReader

from sillage.domain.contact import EmailAddress
from sillage.domain.ids import AccountId, CampaignId
from sillage.domain.report_time import Every, Rhythm
from sillage.errors import NotFound
from sillage.lake.parquet import export_marts
from sillage.lake.reader import Reader
from sillage.report import lines
from sillage.report.gathered import Gathered, gather
from sillage.report.mail import message_of, period_of
from sillage.report.pdf import as_pdf
from sillage.store import accounts, campaigns, report_mails
from sillage.words import Words


def _seen(world: Home, slug: str, name: str) -> Gathered:
    with world.store.read() as conn:
        account = accounts.by_slug(conn, slug)
        campaign = campaigns.by_name(conn, account.id, name)
    reader = Reader(world.settings)
    try:
        return gather(world.settings, world.store, reader, account.id, campaign.id)
    finally:
        reader.close()


def _text(pdf: bytes) -> str:
    found = "\n".join(page.extract_text() for page in PdfReader(io.BytesIO(pdf)).pages)
    return _spaced(found)


def _spaced(text: str) -> str:
    """Spaces of every kind as one: a font has one sign for them."""
    return re.sub(r"[\u00a0\u202f]", " ", text)


@pytest.mark.parametrize("language", ["en", "fr"])
def test_the_pdf_says_the_figures_of_the_page(world: Home, browser: Browser, language: str) -> None:
    """Each tile of the page stands in the PDF to the digit, and its text can be found and copied."""
    seen = _seen(world, "maison", "November news")
    app = browser.open(world, "report", account="maison", campaign=str(seen.campaign.id), lang=language)
    text = _text(as_pdf(Words(language, seen.account.timezone), seen))
    assert len(app.metric) == 6
    for metric in app.metric:
        assert metric.label in text
        assert _spaced(metric.value) in text
    assert "November news" in text
    assert ("240 of 595" if language == "en" else "240 sur 595") in text
    assert "https://shop.maison.example/lamps" in text


def test_a_pdf_of_nothing_and_of_odd_names_can_be_made(world: Home) -> None:
    """Nothing sent, a name of every script, of signs that mean something, of a thousand signs: all the same a PDF."""
    seen = _seen(world, "maison", "Autumn 2")
    for name in ("$x^2$ \\frac{1}{0} %", "李雷 محمد Ω 🚢", "x" * 1000, "a\x00b\nc"):
        campaign = seen.campaign.__class__(
            **{f: getattr(seen.campaign, f) for f in seen.campaign.__slots__} | {"name": name}
        )
        odd = Gathered(**{f: getattr(seen, f) for f in seen.__slots__} | {"campaign": campaign})
        assert as_pdf(Words("fr"), odd).startswith(b"%PDF")
    nothing = Gathered(**{f: getattr(seen, f) for f in seen.__slots__} | {
        "whole": None, "variants": [], "providers": [], "bounces": [], "links": [], "curve": []})  # fmt: skip
    assert "Nothing has left yet." in _text(as_pdf(Words("en"), nothing))
    many = Gathered(**{f: getattr(seen, f) for f in seen.__slots__} | {"providers": seen.providers * 60})
    assert len(PdfReader(io.BytesIO(as_pdf(Words("en"), many))).pages) >= 4


def test_a_report_is_of_its_account_alone(world: Home) -> None:
    """Another account's campaign is none."""
    with world.store.read() as conn:
        alarm = accounts.by_slug(conn, "alarm").id
    reader = Reader(world.settings)
    with pytest.raises(NotFound):
        gather(
            world.settings,
            world.store,
            reader,
            AccountId(alarm),
            CampaignId(_seen(world, "maison", "Autumn 2").campaign.id),
        )
    reader.close()


def test_a_mail_tells_what_left_with_its_figures_and_a_pdf_of_each(world: Home) -> None:
    """The campaigns of the week, each in a sentence with its rates, in the reader's language; seven bits throughout."""
    now = world.settings.clock.now()
    with world.store.write() as conn:
        account = accounts.by_slug(conn, "maison")
        report_mails.order(
            conn,
            account.id,
            EmailAddress.parse("ada@maison.example"),
            Rhythm(Every.WEEK, 8),
            language="fr",
            timezone="Europe/Paris",
            now=now - timedelta(days=7),
        )
        (mail,) = report_mails.listed(conn, account.id)
        report_mails.stop(conn, account.id, mail.id)
        sender = campaigns.senders_of(conn, account.id)[0]
    reader = Reader(world.settings)
    told = period_of(world.settings, world.store, reader, mail)
    reader.close()
    raw = message_of(world.settings, mail, told, sender)
    assert all(byte < 128 for byte in raw)
    message = email.message_from_bytes(raw, policy=email.policy.default)
    assert isinstance(message, EmailMessage)
    body = message.get_body(("plain",))
    assert body is not None
    text = body.get_content()
    assert told.reports
    for seen in told.reports:
        assert seen.campaign.name in text
        assert told.since <= (seen.campaign.started_at or now) < told.until
        for line in lines.rates(Words("fr", account.timezone), seen.whole or {}):
            assert " · ".join(line) in text
    assert message["Subject"].startswith("[Maison Sillage] Campagnes de la semaine")
    assert message["Auto-Submitted"] == "auto-generated"
    attached = [part.get_filename() for part in message.iter_attachments()]
    assert attached == [f"report-{seen.campaign.id}.pdf" for seen in told.reports]


def test_marts_are_exported_for_one_account(world: Home, tmp_path: Path) -> None:
    """Each table is a Parquet file with the rows of its account, as many as the marts hold."""
    with world.store.read() as conn:
        account = accounts.by_slug(conn, "maison").id
    done = {one.path.stem: one for one in export_marts(world.settings, account, tmp_path / "o'ut")}
    reader = Reader(world.settings)
    assert {"as_of", "fct_campaign_performance", "fct_recipient_activity", "dim_provider"} <= set(done)
    for name in ("fct_campaign_performance", "fct_recipient_activity", "dim_campaign"):
        (row,) = reader.query(f"select count(*) as n from marts.main.{name} where account_id = ?", [account])
        frame = pl.read_parquet(done[name].path)
        assert frame.height == row["n"] == done[name].rows > 0
        assert frame["account_id"].unique().to_list() == [account]
    reader.close()


def test_the_page_orders_and_ends_reports_by_mail(world: Home, browser: Browser) -> None:
    """An address, a day and an hour: the next one is said; "end it" ends it."""
    campaign = str(_seen(world, "alarm", "Bought list").campaign.id)
    app = browser.open(world, "report", account="alarm", campaign=campaign)
    app.text_input(key="report_mail_to").set_value("boss@alarm.example").run()
    app.button(key="report_mail_order").click().run()
    with world.store.read() as conn:
        account = accounts.by_slug(conn, "alarm").id
        (mail,) = report_mails.listed(conn, account)
    assert (mail.email, mail.rhythm) == ("boss@alarm.example", Rhythm(Every.WEEK, 8, 0))
    assert any("boss" in m.value for m in app.markdown)
    app.button(key=f"report_mail_end_{mail.id}").click().run()
    with world.store.read() as conn:
        assert report_mails.listed(conn, account) == []
