"""Complaints in sums, as providers export them."""

from __future__ import annotations

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sillage.domain.complaint_sums import Source, Sum, read_sums
from sillage.domain.feedback_loops import LoopKind, loop_of, loops
from sillage.errors import BadInput

SNDS = "192.0.2.1,11/23/2026 1:00 AM,11/23/2026 11:00 PM,5000,4990,4980,GREEN,< 0.1%,,,0,mx.maison.example,,\n"
DAY = date(2026, 11, 23)


def test_postmaster_file_is_a_rate_of_a_domain() -> None:
    """Gmail tells a rate by day, about the domain that the user names."""
    found = read_sums(
        "Date,User Reported Spam Rate\n2026-11-23,0.0012\n2026-11-22,\n", "p.csv", domain="Maison.example"
    )
    assert found == [
        Sum(Source.POSTMASTER, DAY, "maison.example", rate=0.0012),
        Sum(Source.POSTMASTER, date(2026, 11, 22), "maison.example"),
    ]


@pytest.mark.parametrize(
    "header",
    [
        "",
        "IP Address,Activity start,Activity end,RCPT commands,DATA commands,Recipients,Filter result,Complaint rate\n",
    ],
)
def test_snds_file_is_a_band_of_an_address(header: str) -> None:
    """Outlook.com tells bands: «< 0.1 %» is kept as a bound, not as a measure. The download has no header."""
    assert read_sums(header + SNDS, "s.csv") == [
        Sum(Source.SNDS, DAY, "192.0.2.1", messages=4980, rate=0.001, rate_is_below=True)
    ]


def test_signal_spam_file_is_a_count_of_an_address() -> None:
    """Signal Spam tells counts; with semicolons, French dates and a byte order mark, as exports have them."""
    found = read_sums("\ufeffDate;IP;Complaints;Messages\n23/11/2026;192.0.2.1;1 234;\n", "f.csv")
    assert found == [Sum(Source.SIGNAL_SPAM, DAY, "192.0.2.1", complaints=1234)]


@pytest.mark.parametrize(
    ("text", "domain", "says"),
    [
        ("", "", "is empty"),
        ("a,b\n1,2\n", "", "of no report"),
        ("Date,Spam rate\n2026-11-23,0.1\n", "", "--domain"),
        ("Date,Spam rate\n2026-11-23,0.1\nyesterday,0.1\n", "d.example", "row 3: 'yesterday' is no date"),
        ("Date,Spam rate\n2026-11-23,140%\n", "d.example", "row 2: rate '140%'"),
        ("Date,IP,Complaints\n2026-11-23,192.0.2.1,many\n", "", "row 2: complaints 'many'"),
    ],
)
def test_file_that_is_no_report_is_refused_with_its_row(text: str, domain: str, says: str) -> None:
    """The error names the file and the row, and what to do."""
    with pytest.raises(BadInput, match=says) as refused:
        read_sums(text, "f.csv", domain=domain)
    assert "f.csv" in str(refused.value)


@given(st.text(max_size=200))
def test_any_text_is_read_or_refused(text: str) -> None:
    """No file makes the reader fail in another way than by a clear error."""
    try:
        found = read_sums(text, "f.csv", domain="d.example")
    except BadInput:
        return
    assert all(one.rate is None or 0 <= one.rate <= 1 for one in found)


def test_each_loop_says_what_it_tells_and_where_it_was_read() -> None:
    """Each loop has a kind, what it needs, a source and a date; individual ones also say who writes."""
    assert {loop.kind for loop in loops()} == set(LoopKind)
    for loop in loops():
        assert loop.needs
        assert loop.source
        assert loop.date <= date(2026, 11, 24)
        assert bool(loop.senders) == (loop.kind is LoopKind.INDIVIDUAL)


def test_loop_is_known_by_its_domain_and_no_lookalike() -> None:
    """Reports come from a loop's domain or one below it."""
    assert loop_of("feedback@arf.mail.yahoo.com") == loop_of("x@yahoo.com") != None  # noqa: E711
    assert loop_of("feedback@notyahoo.com") is None
    assert loop_of("feedback") is None
