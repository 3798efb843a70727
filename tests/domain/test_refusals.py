# ruff: noqa: E501 - servers choose their lines
"""Refusals as servers word them, from the manuals of MTAs and the postmaster pages of providers."""

from __future__ import annotations

import pytest

from sillage.domain.refusal import classify, code_in, status_in

REFUSALS = [
    # nobody of that name
    ("npai", "550 5.1.1 <x@b.example>: Recipient address rejected: User unknown in virtual mailbox table"),
    ("npai", "550-5.1.1 The email account that you tried to reach does not exist. Please try double-checking the recipient's email address"),
    ("npai", "550 5.5.0 Requested action not taken: mailbox unavailable (S2017062302)"),
    ("npai", "554 delivery error: dd This user doesn't have a yahoo.example account (x@yahoo.example) [0]"),
    ("npai", "550 5.1.10 RESOLVER.ADR.RecipientNotFound; Recipient x@b.example not found by SMTP address lookup"),
    ("npai", "550 5.4.1 Recipient address rejected: Access denied. AS(201806281)"),
    ("npai", "550 5.1.1 Adresse d au moins un destinataire invalide. Invalid recipient. OFR_416 [416]"),
    ("npai", "550 Requested action not taken: mailbox unavailable"),
    ("npai", "550 5.1.1 x@b.example User unknown; rejecting"),
    ("npai", "553 sorry, no mailbox here by that name. (#5.7.1)"),
    ("npai", "511 sorry, no mailbox here by that name (#5.1.1 - chkuser)"),
    ("npai", "550 No Such User Here"),
    ("npai", "550 x@b.example... No such user"),
    ("npai", "550 Invalid recipient x@b.example (Mode: normal)"),
    ("npai", "551 User not local; please try <y@c.example>"),
    ("npai", '550 unknown local-part "x" in domain "b.example"'),
    ("npai", "550 5.1.1 RCP-P1 https://www.facebook.com/postmaster/response_codes"),
    ("npai", "550 Address unknown"),
    ("npai", "550 5.1.0 Address rejected."),
    ("npai", "550 <x@b.example> Benutzer unbekannt"),
    ("npai", "550 Account deleted"),
    ("npai", "User x (x@b.example) not listed in Domino Directory"),
    ("npai", "550 Mailbox does not exist"),
    ("npai", "550 #5.1.0 Address rejected x@b.example"),
    ("npai", "550 5.7.1 Recipient not found. <http://x-pm.net/?550>"),
    ("npai", "550 That account does not exist"),
    # the domain, the host
    ("hard", "Host or domain name not found. Name service error for name=b.example type=MX: Host not found"),
    ("hard", "550 5.1.2 <x@b.example>... Host unknown (Name server: b.example.: host not found)"),
    ("hard", "Unrouteable address: all relevant MX records point to non-existent hosts"),
    ("hard", "556 5.1.10 Recipient address has null MX"),
    ("hard", "Domain b.example does not accept mail (nullMX)"),
    ("hard", "501 5.1.3 Bad recipient address syntax"),
    ("hard", "DNS Error: DNS type 'mx' lookup of b.example responded with code NXDOMAIN Domain name not found: b.example"),
    ("hard", "Sorry, I couldn't find any host named b.example. (#5.1.2)"),
    # the mailbox
    ("soft", "452 4.2.2 The email account that you tried to reach is over quota"),
    ("soft", "552 5.2.2 Mailbox size limit exceeded"),
    ("soft", "550 5.2.1 The email account that you tried to reach is disabled"),
    ("soft", "554 5.2.2 mailbox full; STOREDRV.Deliver.Exception:QuotaExceededException.MapiExceptionShutoffQuotaExceeded"),
    ("soft", "552 5.1.1 Boite du destinataire pleine. Recipient overquota. OFR_417 [417]"),
    ("soft", "550 Mailbox quota exceeded"),
    ("soft", "552 Requested mail action aborted: exceeded storage allocation"),
    ("soft", "554 5.7.1 This account has been suspended"),
    ("soft", "550 5.2.1 Mailbox disabled for this recipient"),
    ("soft", "550 User account is inactive"),
    ("soft", "552 5.3.4 Message size exceeds fixed limit"),
    ("soft", "552 Message size exceeds maximum permitted"),
    ("soft", "452 4.3.1 Insufficient system storage"),
    ("soft", "550 5.7.1 The user's mailbox is over the limit"),
    ("soft", "Le compte de messagerie est plein : quota dépassé"),
    # for now
    ("transient", "451 4.7.1 Greylisting in action, please come back later"),
    ("transient", "421 4.7.0 [TSS04] Messages from 192.0.2.1 temporarily deferred due to unexpected volume or user complaints"),
    ("transient", "421 4.7.28 Gmail has detected an unusual rate of unsolicited mail originating from your IP address"),
    ("transient", "450 4.2.1 The user you are trying to contact is receiving mail at a rate that prevents additional messages from being delivered"),
    ("transient", "421 mwinf5c07 ME Trop de connexions, veuillez verifier votre configuration. Too many connections, slow down. OFR004_104 [104]"),
    ("transient", "connect to mx.b.example[192.0.2.1]:25: Connection timed out"),
    ("transient", "delivery temporarily suspended: connect to mx.b.example[192.0.2.1]:25: Connection refused"),
    ("transient", "lost connection with mx.b.example[192.0.2.1] while receiving the initial server greeting"),
    ("transient", "retry timeout exceeded"),
    ("transient", "451 4.3.0 Temporary local problem - please try later"),
    ("transient", "mail for b.example loops back to myself"),
    ("transient", "554 5.4.14 Hop count exceeded - possible mail loop ATTR34"),
    ("transient", "TLS is required, but was not offered by host mx.b.example[192.0.2.1]"),
    ("transient", "550 5.4.300 Message expired"),
    ("transient", "421 4.3.2 Service not available, closing transmission channel"),
    ("transient", "432 4.3.2 STOREDRV.Storage; recipient thread limit exceeded"),
    ("transient", "452 4.1.0 requested action aborted: try again later"),
    # the sender has a problem
    ("block", "554 5.7.1 Service unavailable; Client host [192.0.2.1] blocked using zen.spamhaus.org"),
    ("block", "550 5.7.1 Unfortunately, messages from [192.0.2.1] weren't sent. Please contact your Internet service provider since part of their network is on our block list (S3140)."),
    ("block", "550 SC-001 (BAY004-MC1F12) Unfortunately, messages from 192.0.2.1 weren't sent."),
    ("block", "550-5.7.26 This mail has been blocked because the sender is unauthenticated. Gmail requires all senders to authenticate with either SPF or DKIM."),
    ("block", "550 5.7.515 Access denied, sending domain example.com does not meet the required authentication level"),
    ("block", "550-5.7.1 [192.0.2.1] Our system has detected that this message is likely unsolicited mail"),
    ("block", "554 5.7.9 Message not accepted for policy reasons. See https://postmaster.yahooinc.com/error-codes"),
    ("block", "554 Message not allowed - [PH01] Email not accepted for policy reasons"),
    ("block", "550 5.2.0 Mail rejete. Mail rejected. OFR_506 [506]"),
    ("block", "550 5.7.0 Service refuse. Veuillez essayer plus tard. service refused, please try later. LPN007_510 [510]"),
    ("block", "554-gmx.net (mxgmx104) Nemesis ESMTP Service not available 554-No SMTP service 554-IP address is block listed."),
    ("block", "550 5.7.1 [CS01] Message rejected due to local policy. Please visit https://support.apple.com/en-us/HT204137"),
    ("block", "554 5.7.1 <x@b.example>: Relay access denied"),
    ("block", "550 relay not permitted"),
    ("block", "553 5.1.8 <y@c.example>: Sender address rejected: Domain not found"),
    ("block", "550 5.7.1 Message contains spam or virus"),
    ("block", "554 5.7.1 The message was rejected because it contains prohibited virus or spam content"),
    ("block", "550 5.7.133 RESOLVER.RST.SenderNotAuthenticatedForGroup; authentication required"),
    ("block", "550 5.7.1 Client host rejected: cannot find your reverse hostname, [192.0.2.1]"),
    ("block", "550 DMARC check failed."),
    ("block", "550 spam detected"),
    ("block", "550-High probability of spam"),
    ("block", "554 5.7.1 Spam message rejected; If this is not spam contact abuse@b.example"),
    ("block", "554 refused. You have a reputation score below -3 at senderscore.org"),
    ("block", "550 5.7.1 This message has been blocked because it contains a banned attachment"),
    ("block", "552 5.7.0 This message was blocked because its content presents a potential security issue."),
    ("block", "550 Administrative prohibition"),
    ("block", "550 Rejected by header based manually Blocked Senders: spam"),
    ("block", "550 5.7.1 Your access to this mail system has been rejected due to the sending MTA's poor reputation."),
    ("block", "554 Email rejected due to security policies - https://community.mimecast.com/docs/DOC-1369#554"),
    ("block", "503 5.5.1 Error: need RCPT command"),
    ("block", "550 5.6.0 Lone CR or LF in body (see RFC2822 section 2.3)"),
    ("transient", "530 5.7.0 Must issue a STARTTLS command first"),
]  # fmt: skip


@pytest.mark.parametrize(("bounce_class", "text"), REFUSALS)
def test_refusal_is_of_its_class(bounce_class: str, text: str) -> None:
    """A server's words mean what its manual says."""
    verdict = classify(code_in(text), status_in(text), text)
    assert verdict.bounce_class == bounce_class, verdict


def test_words_after_the_message_come_from_the_persons_filter() -> None:
    """At docomo «unknown user» as the answer to DATA is a filter's word; to RCPT it is the truth; elsewhere too."""
    host = "mfsmax.docomo.ne.jp docomo.ne.jp"
    assert classify(550, None, "Unknown user", host=host, command="DATA").rule == "docomo-filter"
    assert classify(550, None, "Unknown user", host=host, command="RCPT").bounce_class == "npai"
    assert classify(550, None, "Unknown user", host="mx.b.example", command="DATA").bounce_class == "npai"
