"""The mail that asks somebody to confirm a sign-up. Nothing that was typed into the form stands in it.

A form would else be a way to send words of one's own to strangers, in our name.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime
from html import escape

from sillage.i18n import catalogue, language_of

_BUTTON = (
    "display:inline-block;padding:13px 24px;border-radius:8px;background:#0B7A75;color:#ffffff;font-weight:600;"
    "text-decoration:none"
)
_PAGE = "margin:0;padding:24px;background:#F6F1E7;color:#0B2545;font:16px/1.55 'Segoe UI',system-ui,sans-serif"
_CARD = "max-width:512px;margin:0 auto;padding:28px;background:#ffffff;border-radius:12px"


@dataclass(frozen=True, slots=True)
class Confirmation:
    """What a confirmation mail says, and to whom."""

    to: str
    from_name: str
    from_email: str
    reply_to: str | None
    account_name: str
    identity: str
    """Legal name and postal address."""
    locale: str
    wordings: tuple[str, ...]
    """What the person agreed to, in the very words of the form."""
    link: str
    message_id: str
    sent_at: datetime


def render(mail: Confirmation) -> bytes:
    """The message, CRLF line ends, ready for DATA."""
    _ = catalogue(mail.locale).gettext
    subject = _("Please confirm your sign-up to %(name)s") % {"name": mail.account_name}
    asked = _("Your address was given to get messages from %(name)s. If it was you, confirm it:") % {
        "name": mail.account_name
    }
    button = _("Confirm my sign-up")
    terms = _("What you agree to:")
    otherwise = _("If it was not you, do nothing: you will get no messages. This link works for 7 days.")
    message = EmailMessage(policy=SMTP)
    message["From"] = Address(mail.from_name, addr_spec=mail.from_email)
    message["To"] = Address(addr_spec=mail.to)
    message["Subject"] = subject
    message["Date"] = format_datetime(mail.sent_at)
    message["Message-ID"] = f"<{mail.message_id}>"
    if mail.reply_to:
        message["Reply-To"] = Address(addr_spec=mail.reply_to)
    message["Auto-Submitted"] = "auto-generated"  # RFC 3834 5
    message["Content-Language"] = language_of(mail.locale)
    words = "\n".join(f"  « {wording} »" for wording in mail.wordings)
    message.set_content(
        f"{asked}\n\n{button}:\n{mail.link}\n\n{terms}\n{words}\n\n{otherwise}\n\n-- \n{mail.identity}\n",
        cte="quoted-printable",
    )
    quoted = "".join(f"<blockquote style='margin:8px 0'>{escape(wording)}</blockquote>" for wording in mail.wordings)
    message.add_alternative(
        f'<!doctype html><html lang="{language_of(mail.locale)}"><head><meta charset="utf-8">'
        f'<title>{escape(subject)}</title></head><body style="{escape(_PAGE)}"><div style="{_CARD}">'
        f'<p>{escape(asked)}</p><p><a href="{escape(mail.link)}" style="{_BUTTON}">{escape(button)}</a></p>'
        f"<p>{escape(terms)}</p>{quoted}<p>{escape(otherwise)}</p>"
        f'<p style="font-size:13px;color:#5B6B7F">{escape(mail.identity)}</p></div></body></html>',
        subtype="html",
        cte="quoted-printable",
    )
    # A line that starts with a dot ends a message for some servers: encoded, it starts with none.
    return message.as_bytes().replace(b"\r\n.", b"\r\n=2E")
