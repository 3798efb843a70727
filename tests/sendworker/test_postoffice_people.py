"""The people: the file that says what they do, the model that says the rest, and the clock they live by."""

from __future__ import annotations

import ipaddress
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sendworker.postoffice.clock import BadClock, BusinessClock
from sendworker.postoffice.errands import Channel, ErrandKind, plan
from sendworker.postoffice.model import Nature
from sendworker.postoffice.people import ANY_LINK, BadPeople, Bounce, People, Person, Stage, Unsubscribes, read_people
from sendworker.postoffice.providers import mailboxes

ALL_ACTS = Person(
    opens=True,
    clicks=(1,),
    bounce=Bounce(Stage.MAIL, 552, "5.2.2", "full"),
    complains=True,
    unsubscribes=Unsubscribes.PAGE,
    scanner=True,
    preload=True,
)


def write(tmp_path: Path, text: str) -> Path:
    """A people file."""
    path = tmp_path / "people.csv"
    path.write_text(text, "utf-8")
    return path


def test_file_says_what_each_person_does(tmp_path: Path) -> None:
    """Every column is read, columns that we do not know are passed over, addresses are in lower case."""
    path = write(
        tmp_path,
        "\ufeffemail,opens,clicks,bounce,defer,complains,unsubscribes,scanner,replays,agent,ip,tracking_consent,preload,"
        "variant,zip\n"
        'Ann@free.example,1,"1;3",session:550 5.1.1 No such user,2,1,one_click,1,3,Agent/1,90.1.2.3,no,1,Mens,x\n'
        "bob@free.example,0,any,mail:5.2.2 Mailbox full,1:421 4.7.0 slow,,mailto,,,,,yes,,,\n"
        "cat@free.example,,,data:554,,,,,,,,,,,\n",
    )
    people = read_people(path)
    ann = people.get("ANN@free.example")
    assert ann == Person(
        opens=True,
        clicks=(1, 3),
        bounce=Bounce(Stage.SESSION, 550, "5.1.1", "No such user"),
        defer=2,
        complains=True,
        unsubscribes=Unsubscribes.ONE_CLICK,
        scanner=True,
        preload=True,
        replays=3,
        agent="Agent/1",
        ip="90.1.2.3",
        agreed=False,
        variant="Mens",
    )
    bob = people.get("bob@free.example")
    assert bob is not None
    assert (bob.clicks, bob.defer, bob.defer_reply) == ((ANY_LINK,), 1, "421 4.7.0 slow")
    assert bob.bounce == Bounce(Stage.MAIL, 552, "5.2.2", "Mailbox full")
    cat = people.get("cat@free.example")
    assert cat is not None
    assert cat.bounce is not None
    assert cat.bounce.reply == "554"
    assert not people.agreed("cat@free.example")
    assert people.agreed("stranger@free.example")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "no column `email`"),
        ("opens\n1\n", "no column `email`"),
        ("email,opens\na@b.example,maybe\n", "line 2: column `opens`"),
        ("email,opens\na@b.example\n", "line 2: 1 cells, 2 columns"),
        ("email,email\na@b.example,a@b.example\n", "two columns"),
        ("email\na@b.example\nA@b.example\n", "line 3: column `email`: the address stands in the file twice"),
        ("email\nnobody\n", "is not an address"),
        ('email,bounce\na@b.example,"session:550 5.1.1 a\nRCPT"\n', "column `bounce`"),
        ("email,bounce\na@b.example,session:450 4.1.1 no\n", "column `bounce`"),
        ("email,clicks\na@b.example,0\n", "column `clicks`"),
        ("email,ip\na@b.example,1.2.3\n", "column `ip`"),
        ("email,replays\na@b.example,9999\n", "column `replays`"),
        ("email,unsubscribes\na@b.example,twice\n", "one_click or mailto or page"),
    ],
)
def test_bad_file_is_refused_by_line_and_column(tmp_path: Path, text: str, said: str) -> None:
    """A file that can't be meant names itself, the line, the column and what is wrong."""
    with pytest.raises(BadPeople) as caught:
        read_people(write(tmp_path, text))
    assert said in str(caught.value)
    assert "people.csv" in str(caught.value)


def test_missing_and_binary_files_are_refused(tmp_path: Path) -> None:
    """No file, and a file that is no text, are errors with a name."""
    with pytest.raises(BadPeople, match="No such file"):
        read_people(tmp_path / "none.csv")
    (tmp_path / "people.csv").write_bytes(b"email\n\xff\xfe@x\n")
    with pytest.raises(BadPeople, match="not UTF-8"):
        read_people(tmp_path / "people.csv")


def test_model_speaks_only_where_a_column_is_missing() -> None:
    """What the file says stands, an empty cell too; only a missing column is drawn."""
    people = People(
        {f"p{n}@free.example": Person() for n in range(2_000)}, frozenset({"email", "opens", "bounce", "defer"})
    )
    nature = Nature(people, 1, is_modelled=True)
    found = [nature.of(address, is_company=False) for address in people.known]
    assert not any(person.opens or person.bounce or person.defer for person in found)
    assert any(person.clicks for person in found)
    silent = Nature(people, 1, is_modelled=False)
    assert silent.of("p1@free.example", is_company=False) is people.known["p1@free.example"]
    assert silent.of("stranger@free.example", is_company=False) == Person()


def test_model_has_realistic_rates_and_is_the_same_by_seed() -> None:
    """35 % open and 5 % click; the same seed gives the same people, another seed others."""
    nature = Nature(People({}), 7, is_modelled=True)
    addresses = [f"p{n}@gmail.example" for n in range(20_000)]
    found = [nature.of(address, is_company=False, occasion="1") for address in addresses]
    assert sum(person.opens for person in found) / len(found) == pytest.approx(0.35, abs=0.02)
    assert sum(bool(person.clicks) for person in found) / len(found) == pytest.approx(0.05, abs=0.006)
    again = Nature(People({}), 7, is_modelled=True)
    assert [again.of(address, is_company=False, occasion="1") for address in addresses[:500]] == found[:500]
    other = Nature(People({}), 8, is_modelled=True)
    assert [other.of(address, is_company=False, occasion="1") for address in addresses[:500]] != found[:500]
    # What the mailbox is does not change from one campaign to the next.
    later = [nature.of(address, is_company=False, occasion="2") for address in addresses[:2_000]]
    assert [person.bounce for person in later] == [person.bounce for person in found[:2_000]]


def test_plan_is_deterministic_and_scaled() -> None:
    """Delays depend on seed and address; a scale of 0 is at once, and a click comes after its open."""
    full = plan(ALL_ACTS, "a@free.example", 1, 1.0)
    assert full == plan(ALL_ACTS, "a@free.example", 1, 1.0)
    assert full != plan(ALL_ACTS, "b@free.example", 1, 1.0)
    assert {p.wait for p in plan(ALL_ACTS, "a@free.example", 1, 0.0)} == {0.0}
    assert {p.wait for p in plan(ALL_ACTS, "a@free.example", 1, 0.0, quickest=9.0)} == {0.0, 9.0}
    waits = {p.kind: p.wait for p in full}
    assert len(waits) == 7
    assert waits[ErrandKind.SCAN] <= 60
    assert waits[ErrandKind.OPEN] < waits[ErrandKind.CLICK]
    assert waits[ErrandKind.OPEN] < waits[ErrandKind.COMPLAIN]
    assert {p.kind for p in full if p.kind.channel is Channel.MAIL} == {ErrandKind.COMPLAIN, ErrandKind.BOUNCE}


@given(st.integers(), st.from_regex(r"[a-z]{1,8}@(gmail|orange|icloud|company)\.example", fullmatch=True))
def test_everybody_comes_from_a_public_address(seed: int, address: str) -> None:
    """Each person and each machine has an agent and a public address, the same each time."""
    boxes = mailboxes()
    found = [
        boxes.reader(seed, address),
        boxes.browser(seed, address),
        boxes.images(seed, address),
        boxes.machine("scanner", seed, address),
        boxes.machine("preload", seed, address),
    ]
    assert all(origin.agent and ipaddress.ip_address(origin.ip).is_global for origin in found)
    assert found[0] == boxes.reader(seed, address)


def test_providers_have_the_loops_of_the_table() -> None:
    """Gmail, GMX and companies send no report for a person; the others do. Gmail's proxy loads its images."""
    boxes = mailboxes()
    loops = {p.name for p in boxes.providers if p.has_loop}
    assert loops == {"outlook", "yahoo", "sfr", "laposte"}
    assert boxes.provider("a@company.example").name == "other"
    assert boxes.provider("a@GMAIL.example").name == "gmail"
    assert "GoogleImageProxy" in boxes.images(1, "a@gmail.example").agent
    assert "GoogleImageProxy" not in boxes.browser(1, "a@gmail.example").agent


def test_clock_follows_its_string() -> None:
    """Business time is ORIGIN + (wall - WALL) x SPEED; a clock that stands still or is no clock is refused."""
    clock = BusinessClock.parse("1795600000@0*60")
    assert clock.wall_wait(clock.now() + 60) == pytest.approx(1, abs=0.1)
    assert clock.later(1) - clock.now() == pytest.approx(60, abs=1)
    for text in ("x", "1@2", "1@2*0", "1@2*-1", "1@2*nan"):
        with pytest.raises(BadClock):
            BusinessClock.parse(text)
