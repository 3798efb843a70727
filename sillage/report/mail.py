"""The reports of a day or a week as one mail: what left, each with its figures, and a PDF of each."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime, formataddr

from sillage.domain.campaign import CampaignState
from sillage.domain.report_time import Every
from sillage.lake.reader import Reader
from sillage.report import lines
from sillage.report.gathered import Gathered, gather
from sillage.report.pdf import as_pdf
from sillage.settings import Settings
from sillage.store import accounts, campaigns
from sillage.store.accounts import Account
from sillage.store.campaigns import Sender
from sillage.store.database import Store
from sillage.store.report_mails import ReportMail
from sillage.words import Words

MOST = 10
"""Reports of one mail: more would be refused for their size."""
# Not every server takes 8 bits (RFC 6152).
_SEVEN_BIT = SMTP.clone(cte_type="7bit")
_LEFT = frozenset({CampaignState.SENDING, CampaignState.WAITING, CampaignState.PAUSED, CampaignState.CLOSED})


@dataclass(frozen=True, slots=True)
class Period:
    """What a mail tells of: the campaigns that left within it, the newest first."""

    account: Account
    since: datetime
    until: datetime
    reports: list[Gathered]
    more: int


def period_of(settings: Settings, store: Store, reader: Reader, mail: ReportMail) -> Period:
    """Ask for everything that a mail says.

    Raises: NotFound where the account is gone; TransientError.
    """
    until = mail.due_at
    since = until - mail.rhythm.every.span
    with store.read() as conn:
        account = accounts.by_id(conn, mail.account_id)
        found = [
            c for c in campaigns.listed(conn, mail.account_id)
            if c.state in _LEFT and c.started_at is not None and since <= c.started_at < until
        ]  # fmt: skip
    reports = [gather(settings, store, reader, mail.account_id, c.id) for c in found[:MOST]]
    return Period(account, since, until, reports, max(0, len(found) - MOST))


def message_of(settings: Settings, mail: ReportMail, told: Period, sender: Sender) -> bytes:
    """The mail as it goes over the wire. Its Message-ID is of its due time, so that a second copy can be dropped."""
    words = Words(mail.language, told.account.timezone)
    message = EmailMessage(policy=_SEVEN_BIT)
    message["From"] = formataddr((sender.name, sender.email))
    message["To"] = mail.email
    message["Subject"] = " ".join(subject(words, mail, told).split())[:200]
    message["Date"] = format_datetime(settings.clock.now())
    message["Message-ID"] = f"<report-{mail.id}-{int(mail.due_at.timestamp())}@{settings.bounce_domain}>"
    # RFC 3834: nobody's holiday answers it.
    message["Auto-Submitted"] = "auto-generated"
    message.set_content(body(words, told, f"{settings.pages_url}/report?account={told.account.slug}"))
    for seen in told.reports:
        message.add_attachment(
            as_pdf(words, seen), maintype="application", subtype="pdf", filename=f"report-{seen.campaign.id}.pdf"
        )
    return bytes(message)


def subject(words: Words, mail: ReportMail, told: Period) -> str:
    """Whose, and of which day or week."""
    day = words.day(words.here(told.since).date())
    if mail.rhythm.every is Every.DAY:
        return f"[{told.account.name}] " + words.t("Campaigns since %(day)s", day=day)
    return f"[{told.account.name}] " + words.t("Campaigns of the week since %(day)s", day=day)


def body(words: Words, told: Period, url: str) -> str:
    """Each campaign in one sentence with its rates; where to look; where to end it."""
    parts = [words.t("%(since)s to %(until)s", since=words.minute(told.since), until=words.minute(told.until)), ""]
    if not told.reports:
        parts += [words.t("No campaign has left in this time."), ""]
    for seen in told.reports:
        parts += [" ".join(seen.campaign.name.split()), lines.sentence(words, seen)]
        parts += [f"  {' · '.join(line)}" for line in (lines.rates(words, seen.whole) if seen.whole else [])]
        parts += [words.t("as of %(moment)s", moment=words.second(seen.as_of)), ""]
    if told.more:
        parts += [words.n("%(count)s more campaign is on the page.", "%(count)s more campaigns are on the page.",
                          told.more), ""]  # fmt: skip
    return "\n".join([*parts, url, words.t("The page of the reports says how to end these mails."), ""])
