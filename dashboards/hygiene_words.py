"""What the lists of hygiene and their actions are called."""

from __future__ import annotations

from sillage.hygiene import Kind
from sillage.hygiene.actions import Action

TITLES = {
    Kind.TYPO: ("Typing errors", "One slip beside a big domain; the address that was meant stands beside."),
    Kind.ROLE: ("Addresses of a function", "Info, contact, sales: whoever agreed may be gone."),
    Kind.DISPOSABLE: ("Throw-away domains", "Mailboxes that live for minutes."),
    Kind.NO_MX: ("Domains without mail", "No server takes mail for them, says the resolver."),
    Kind.DUPLICATE: ("The same mailbox twice", "The oldest contact of each mailbox stays; here are the others."),
    Kind.SOFT_BOUNCES: ("Soft bounces again and again", "By the threshold of the account: removal is recommended."),
    Kind.INACTIVE: ("Inactive", "A year of messages, and nothing opened or clicked by people who may be measured."),
}
BUTTONS = {
    Action.CORRECT: ("Correct %(count)s address", "Correct %(count)s addresses"),
    Action.SUPPRESS: ("Stop mail to %(count)s contact", "Stop mail to %(count)s contacts"),
    Action.GROUP: (
        "Put %(count)s contact into the group “Inactive”",
        "Put %(count)s contacts into the group “Inactive”",
    ),
}
