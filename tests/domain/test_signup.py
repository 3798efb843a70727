"""When a confirmation mail leaves: the law, without a store."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sillage.domain.contact import EmailAddress
from sillage.domain.mailbox import mailbox_of, victim_of
from sillage.domain.signup import APART, UNANSWERED, Earlier, SignupState, clean_name, mail_at

NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)


@given(st.lists(st.tuples(st.integers(0, 72), st.booleans()), max_size=60))
def test_mails_to_one_mailbox_are_a_day_apart(wishes: list[tuple[int, bool]]) -> None:
    """However many sign-ups at whatever hours in two accounts: no two mails within 24 hours, and few in a month."""
    earlier: list[tuple[bool, Earlier]] = []
    for hour, is_first in sorted(wishes):
        now = NOW + timedelta(hours=hour)
        seen = [
            Earlier(of_first == is_first, SignupState.MAILED if one.due_at <= now else SignupState.DUE, one.created_at,
                    one.due_at, one.due_at if one.due_at <= now else None)
            for of_first, one in earlier
        ]  # fmt: skip
        at = mail_at(seen, suppressed=None, now=now)
        if at is not None:
            earlier.append((is_first, Earlier(True, SignupState.DUE, now, at, None)))
    mailed = sorted(one.due_at for _, one in earlier)
    assert all(later - one >= APART for one, later in pairwise(mailed))
    assert bool(mailed) == bool(wishes)
    assert len(mailed) <= UNANSWERED


@pytest.mark.parametrize("reason", ["npai", "hard_bounce", "installation", "manual"])
def test_unreachable_and_blocked_get_no_mail(reason: str) -> None:
    """Nobody is at that address, or somebody decided that nothing goes there."""
    assert mail_at([], suppressed=reason, now=NOW) is None


@pytest.mark.parametrize("reason", ["complaint", "erased", None])
def test_who_left_may_ask_again(reason: str | None) -> None:
    """Somebody who complained or was erased and signs up is asked to confirm, as anybody is."""
    assert mail_at([], suppressed=reason, now=NOW) == NOW


@pytest.mark.parametrize(
    "spelling", ["ada.lovelace@gmail.com", "AdaLovelace@gmail.com", "a.d.a.lovelace+x@googlemail.com"]
)
def test_spellings_of_a_mailbox_are_one(spelling: str) -> None:
    """Dots, a suffix behind + and the other name of Gmail lead to the same person."""
    assert mailbox_of(EmailAddress.parse(spelling)) == "adalovelace@gmail.com"


def test_dots_matter_to_duplicates_outside_gmail_and_not_to_floods() -> None:
    """Elsewhere a dot may be another person; for counting confirmation mails it is none."""
    one, other = EmailAddress.parse("a.da@shop.example"), EmailAddress.parse("ada+x@shop.example")
    assert mailbox_of(one) != mailbox_of(other)
    assert victim_of(one) == victim_of(other)


@pytest.mark.parametrize(
    "name", ["http://spam.example", "www.spam.example", "win at spam.ru now", "a@b.example", "x" * 61, "<b>", " \t"]
)
def test_name_with_an_address_in_it_is_no_name(name: str) -> None:
    """What looks like a link, or is too long for a name, is dropped (trap 30)."""
    assert clean_name(name) is None


def test_names_of_people_stay() -> None:
    """Accents, hyphens, apostrophes and initials are names."""
    for name in ("Éloïse", "Jean-Marc", "O'Connor", "J. R. R."):
        assert clean_name(f" {name} ") == name
