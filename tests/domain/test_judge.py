"""Human or machine, by rules that are data."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sillage.domain.judge import Act, Rules, Signal, current_rules, judge, parse_rules, read_networks
from sillage.errors import BadInput

CHROME = "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/130.0 Safari/537.36"
GMAIL_PREFETCH = (
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/42.0.2311.135 "
    "Safari/537.36 Edge/12.246 Mozilla/5.0"
)
GMAIL_PROXY = "Mozilla/5.0 (Windows NT 5.1; rv:11.0) Gecko Firefox/11.0 (via ggpht.com GoogleImageProxy)"
HOME = "81.2.3.0"

RULES = """
version = 7
[[rule]]
id = "x"
verdict = "machine"
source = "s"
date = 2026-01-01
"""


@pytest.mark.parametrize(
    ("signal", "rule"),
    [
        (Signal(Act.CLICK, "HEAD", CHROME, HOME), "head-method"),
        (Signal(Act.OPEN, "GET", CHROME, HOME, "prefetch;prerender"), "prefetch-header"),
        (Signal(Act.OPEN, "GET", GMAIL_PREFETCH, "66.249.84.0"), "gmail-prefetch"),
        (Signal(Act.OPEN, "GET", "Mozilla/5.0", "104.28.0.0"), "apple-privacy-agent"),
        (Signal(Act.OPEN, "GET", CHROME, "17.58.1.0"), "apple-network"),
        (Signal(Act.CLICK, "GET", CHROME, "40.94.20.0"), "microsoft-safe-links"),
        (Signal(Act.CLICK, "GET", CHROME, "104.47.3.0"), "microsoft-eop"),
        (Signal(Act.CLICK, "GET", CHROME, "::ffff:104.47.3.0"), "microsoft-eop"),
        (Signal(Act.CLICK, "GET", CHROME, "209.222.82.0"), "barracuda"),
        (Signal(Act.CLICK, "GET", "python-requests/2.31", HOME), "http-library"),
        (Signal(Act.CLICK, "GET", "Mozilla/5.0 (compatible; bingbot/2.0; +http://x)", HOME), "declared-robot"),
        (Signal(Act.CLICK, "GET", "", HOME), "click-without-agent"),
    ],
)
def test_judge_knows_machines_by_rule(signal: Signal, rule: str) -> None:
    """Methods, headers, agents and networks of machines are known, each by a rule with a name."""
    verdict = judge(signal, current_rules())
    assert (verdict.is_machine, verdict.rule) == (True, rule)


@pytest.mark.parametrize(
    "signal",
    [
        Signal(Act.OPEN, "GET", GMAIL_PROXY, "66.249.84.0"),
        Signal(Act.OPEN, "GET", "YahooMailProxy; https://help.yahoo.com/kb/x.html", "87.248.110.0"),
        Signal(Act.CLICK, "GET", CHROME, HOME),
        Signal(Act.CLICK, "GET", CHROME, "17.58.1.0"),
        Signal(Act.OPEN, "GET", "", HOME),
        Signal(Act.CLICK, "GET", "Mozilla/5.0 (Linux; Android 9; CUBOT_X19) Chrome/120 Mobile", HOME),
        Signal(Act.CLICK, "GET", "Mozilla/5.0 (X11; Linux) JavaFX/8.0 atpro Safari/1", HOME),
        Signal(Act.CLICK, "GET", CHROME, "not an address"),
    ],
)
def test_judge_takes_people_for_people(signal: Signal) -> None:
    """A proxy that fetches when the person opens is that person; a word inside a word makes nobody a robot."""
    assert not judge(signal, current_rules()).is_machine


def test_verdict_carries_the_version_of_the_rules() -> None:
    """Each verdict says by which version of the list it was given, so that a later one can judge anew."""
    assert judge(Signal(Act.OPEN), Rules(7)).version == 7


@pytest.mark.parametrize(
    "text",
    [
        RULES.replace('source = "s"', ""),
        RULES.replace("date = 2026-01-01", ""),
        RULES.replace('"machine"', '"maybe"'),
        RULES + 'networks = ["10.0.0.0/25"]',
        RULES + RULES.partition("version = 7")[2],
        RULES + 'lists = ["nowhere"]',
        RULES
        + """[[burst]]
id = "b"
over = "links"
count = 3
within_s = 2
acts = ["click"]
""",
    ],
)
def test_rules_without_source_or_closer_than_what_we_store_are_refused(text: str) -> None:
    """A rule has a source, a date and a verdict, a name of its own, and no network that we could not look up again."""
    with pytest.raises(BadInput, match="machine rule"):
        parse_rules(text)


@given(st.text(), st.text(), st.text(), st.text())
def test_judge_survives_any_text(method: str, agent: str, address: str, purpose: str) -> None:
    """Whatever a request says, it gets a verdict."""
    assert judge(Signal(Act.CLICK, method, agent, address, purpose), current_rules()).version > 0


def test_rule_may_name_a_list_of_networks() -> None:
    """A list of a file stands for all its networks."""
    lists = read_networks("# a remark\nlist,network\nhost,81.2.3.0/24\nhost,2001:db8::/32\nelse,10.0.0.0/8\n")
    rules = parse_rules(RULES + 'lists = ["host"]', lists)
    found = [
        judge(Signal(Act.OPEN, address=text), rules).is_machine for text in ("81.2.3.9", "2001:db8::1", "10.1.1.1")
    ]
    assert found == [True, True, False]
