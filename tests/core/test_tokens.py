"""Tokens: what was signed reads back, and nothing else does."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from sillage.tokens import Recipient, TokenKey, address_hash, derive_key

KEY = TokenKey("k" * 32)
RECIPIENTS = st.builds(
    Recipient,
    st.integers(0, 2**32 - 1),
    st.integers(0, 2**32 - 1),
    st.integers(0, 2**40 - 1),
    st.booleans(),
)


@given(RECIPIENTS)
def test_token_reads_back(recipient: Recipient):
    """A token for a URL and one for a mailbox give the recipient back; the second survives a folded case."""
    url, mailbox = KEY.sign(recipient), KEY.sign_for_mailbox(recipient)
    assert (len(url), len(mailbox)) == (36, 44)
    assert KEY.read(url) == KEY.read_from_mailbox(mailbox) == KEY.read_from_mailbox(mailbox.upper()) == recipient


@given(RECIPIENTS, st.integers(0, 35), st.sampled_from("ABab01-_"))
def test_changed_token_is_refused(recipient: Recipient, at: int, char: str):
    """A token with any character changed is nobody's."""
    token = KEY.sign(recipient)
    changed = token[:at] + char + token[at + 1 :]
    assert KEY.read(changed) == (recipient if changed == token else None)


@given(st.text(max_size=60))
def test_any_text_is_read_without_an_error(text: str):
    """Whatever stands in a URL or a local part is refused quietly."""
    assert KEY.read(text) is None
    assert KEY.read_from_mailbox(text) is None


@given(RECIPIENTS)
def test_token_of_another_installation_is_refused(recipient: Recipient):
    """A token signed with another secret is nobody's."""
    assert TokenKey("x" * 32).read(KEY.sign(recipient)) is None


def test_keys_serve_one_purpose():
    """Each purpose has its own key, and an address's hash depends on the secret."""
    assert derive_key("s" * 32, "tokens") != derive_key("s" * 32, "suppression")
    assert address_hash("s" * 32, "a@b.example") != address_hash("t" * 32, "a@b.example")
