"""A person is taken out of files, and nobody else is."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from lake_home import NOON, Installation

from sillage.domain.ids import AccountId, ContactId
from sillage.lake.collector import collect_once
from sillage.lake.erased_files import Sought, erase_from
from sillage.store import erasures, files, unmatched
from sillage.store.tables import accounts

ANA = Sought.of("ana@x.example", None)
_CELLS = st.text(st.characters(blacklist_categories=["Cs", "Cc"], blacklist_characters='",'), max_size=12)


@pytest.mark.parametrize(
    ("text", "is_there"),
    [
        ("ana@x.example", True), ("ANA@X.Example,1", True), ("<ana@x.example>", True), ("mailto:ana@x.example?s", True),
        ("joana@x.example", False), ("x.ana@x.example", False), ("ana@x.example.org", False), ("ana@x.exampled", False),
        ("ana@x.example.", True), ("anna@x.example", False),
    ],
)  # fmt: skip
def test_an_address_is_found_whole_and_in_no_longer_one(tmp_path: Path, text: str, is_there: bool) -> None:
    """Case and what stands around it do not matter; an address that merely holds its letters is another person's."""
    path = tmp_path / "file"
    path.write_text(f"email\n{text}\n")
    assert (erase_from(path, "import_original", ANA) == "mended") is is_there
    assert path.read_text() == ("email\n\n" if is_there else f"email\n{text}\n")


@pytest.mark.parametrize(
    "written", ["+33 6 12 34 56 78", "06.12.34.56.78", "0612345678", "0033612345678", "612345678.0"]
)
def test_a_number_is_found_as_people_write_it(tmp_path: Path, written: str) -> None:
    """Blanks, dots and prefixes do not hide a phone number."""
    path = tmp_path / "file"
    path.write_text(f"phone\n{written}\n0612345679\n")
    assert erase_from(path, "import_original", Sought.of(None, "+33612345678")) == "mended"
    assert path.read_text() == "phone\n\n0612345679\n"


@given(st.lists(st.lists(_CELLS, min_size=2, max_size=3), max_size=6), st.integers(0, 6))
def test_the_others_stay_byte_by_byte_and_keep_their_lines(
    tmp_path_factory: pytest.TempPathFactory, rows: list[list[str]], at: int
) -> None:
    """Whatever the rows around it hold, only the person's record goes, and the number of lines stays."""
    path = tmp_path_factory.mktemp("files") / "file"
    others = [",".join(f'"{cell}"' for cell in row) + "\n" for row in rows]
    with_ana = [*others[:at], 'ana@x.example,"two\nlines"\n', *others[at:]]
    path.write_text("".join(with_ana), newline="")
    assert erase_from(path, "import_original", ANA) == "mended"
    assert path.read_bytes().decode() == "".join([*others[:at], "\n\n", *others[at:]])


def test_a_file_that_no_one_can_mend_goes_whole(tmp_path: Path) -> None:
    """A quote that is never closed makes one record of the rest: then the file goes, with the person in it."""
    path = tmp_path / "file"
    path.write_text('email\n"ana@x.example\n' + "b@x.example\n" * 200_000)
    assert erase_from(path, "import_original", ANA) == "deleted"
    assert not path.exists()


def test_a_mail_of_nobody_goes_whosever_it_was(home: Installation) -> None:
    """Returned mail that is tied to nobody lies with the oldest account, and may be about a person of another."""
    with home.store.write() as conn:
        conn.execute(accounts.insert().values(id=2, slug="second", name="Second", created_at=NOON))
    home.account_id = 2
    home.contact(5)
    with home.store.write() as conn:
        raw = b"To: c5@gmail.example\n\naway"
        folder = home.settings.files_dir / "returned"
        path = unmatched.put_aside(conn, None, raw, folder=folder, kind="autoreply", reason="none", received_at=NOON)
        erasures.request(conn, AccountId(2), ContactId(5), by="test", now=NOON)
    collect_once(home.settings, home.store, kept_min=0)
    assert path is not None
    assert not path.exists()
    with home.store.read() as conn:
        assert files.listed(conn, AccountId(1)) == []
        (one,) = erasures.listed(conn, AccountId(2))
    assert one.done_at is not None
