"""The anti-spam test: what it sees, what it says of it, and what it lets a machine change."""

from __future__ import annotations

from email.message import EmailMessage
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.spam import figures
from sillage.content.letter import Letter, read_letter
from sillage.content.spam import advices, score
from sillage.content.spam_fix import Draft, fix

CALM_HTML = """<html lang="en"><head><title>News</title></head><body>
<h1>Autumn at the workshop</h1>
<p>We open the doors on Saturday from ten to six. Come and see how the boats are built, from the first plank to the
last coat of paint, and stay for soup at noon. Children are welcome and may plane a plank of their own with us.</p>
<p>On Sunday we sail, weather permitting, to the island and back. There is room for twenty; tell us by Thursday.</p>
<p><a href="https://www.workshop.example/doors">The programme of both days</a></p>
<p><a href="https://www.workshop.example/out">Unsubscribe</a></p></body></html>"""


def letter(
    html: str = CALM_HTML, *, subject: str = "Autumn at the workshop", plain: str | None = "see HTML", **headers: str
):
    """A message with everything in order but what the test puts out of order."""
    message = EmailMessage()
    for name, value in {"From": "The workshop <news@workshop.example>", "To": "ann@example.org", **headers}.items():
        message[name] = value
    message["Subject"] = subject
    if plain is not None:
        message.set_content(plain)
        message.add_alternative(html, subtype="html")
    else:
        message.set_content(html, subtype="html")
    return read_letter(message.as_bytes())


def rules(seen: Letter) -> set[str]:
    return {part.rule for part in score(seen).findings}


def test_calm_newsletter_has_hardly_a_point():
    """A mail with its own domain, words, a text part and a way out scores below one."""
    assert score(letter()).score < 1.0


@pytest.mark.parametrize(
    ("rule", "html", "subject"),
    [
        ("subject.capitals", CALM_HTML, "BIG AUTUMN SALE TODAY"),
        ("subject.marks", CALM_HTML, "Come now!!"),
        ("subject.false_reply", CALM_HTML, "Re: your visit"),
        ("subject.gaps", CALM_HTML, "F R E E boats"),
        ("links.ip", CALM_HTML.replace("www.workshop.example/doors", "192.0.2.7/doors"), "News"),
        ("links.shortener", CALM_HTML.replace("www.workshop.example/doors", "bit.ly/3x"), "News"),
        ("links.disguised", CALM_HTML.replace("www.workshop.example/doors", "bank.example@evil.example/"), "News"),
        ("links.mismatch", CALM_HTML.replace("The programme of both days", "https://bank.example/login"), "News"),
        ("markup.script", CALM_HTML.replace("<h1>", "<script>1</script><h1>"), "News"),
        ("markup.split_words", CALM_HTML.replace("planks", "p").replace("boats", "bo<!-- x -->ats"), "News"),
        ("markup.tiny", CALM_HTML.replace("<h1>", f"<p style='font-size:1px'>{'word ' * 30}</p><h1>"), "News"),
        ("markup.hidden", CALM_HTML.replace("<h1>", f"<p style='display:none'>{'word ' * 300}</p><h1>"), "News"),
        ("way_out.none", CALM_HTML.replace("Unsubscribe", "Bye"), "News"),
        ("pictures.only", "<html><body><img src=a.png><p>unsubscribe</p></body></html>", "News"),
        ("words.loans", CALM_HTML.replace("soup", "the lowest mortgage rates"), "News"),
        ("words.health", CALM_HTML.replace("soup", "cheap viagra"), "News"),
        ("words.easy_money", CALM_HTML.replace("soup", "gagnez jusqu'à 300"), "News"),
    ],
)
def test_each_fault_is_named_by_its_rule(rule: str, html: str, subject: str):
    """One fault put into a calm mail brings the point of its rule, which the calm mail does not have."""
    assert rule in rules(letter(html, subject=subject)) - rules(letter())


def test_words_inside_other_words_are_not_found():
    """A specialist in organisation sells neither a medicine nor a body part."""
    assert "words.health" not in rules(letter(CALM_HTML.replace("soup", "specialist organisation in Sussex")))


def test_word_says_less_in_a_long_mail():
    """The same phrase weighs less among two thousand words than among fifty."""

    def points(html: str) -> float:
        return next(p.points for p in score(letter(html)).findings if p.rule == "words.loans")

    short = CALM_HTML.replace("soup", "mortgage")
    assert points(short.replace("<h1>", f"<p>{'plank ' * 2000}</p><h1>")) < points(short)


def test_mail_without_a_text_part_says_so():
    """HTML alone costs a point."""
    assert "parts.no_text" in rules(letter(plain=None))


def test_every_point_carries_its_advice():
    """No point without a sentence that says what to change, and each sentence is one of the catalogue's."""
    found = score(letter(subject="ACT NOW, BIG PRIZES!!", From="x123@gmail.com")).findings
    assert found
    assert {part.advice for part in found} <= advices()


@given(st.binary(max_size=2000))
def test_any_bytes_have_a_score(raw: bytes):
    """Whatever arrives is read and scored; the score is the sum of its parts and never negative."""
    found = score(read_letter(raw))
    assert found.score == pytest.approx(sum(part.points for part in found.findings), abs=0.051)
    assert found.score >= 0


@given(st.text(max_size=300))
def test_any_markup_is_read(html: str):
    """Broken tags, open comments and endless nesting end in a letter, not in an error."""
    message = b"Content-Type: text/html; charset=utf-8\r\n\r\n<html><body>" + html.encode("utf-8", "surrogatepass")
    assert score(read_letter(message)).score >= 0


@pytest.mark.parametrize(
    ("name", "before", "after"),
    [
        ("subject_case", "BIG AUTUMN SALE FOR {{ first_name }}", "Big autumn sale for {{ first_name }}"),
        ("subject_marks", "Come now!!! All of you!", "Come now. All of you"),
        ("subject_prefix", "RE: Fwd: your visit", "your visit"),
    ],
)
def test_subject_is_mended_and_keeps_its_words(name: str, before: str, after: str):
    """A machine's change takes the fault away, leaves merge fields alone, and changes nothing a second time."""
    mended = fix(name, Draft(before, "<p>x</p>"))
    assert mended == Draft(after, "<p>x</p>")
    assert fix(name, mended) == mended


@pytest.mark.parametrize(("name", "tag"), [("strip_script", "script"), ("strip_object", "object")])
def test_what_mail_programs_block_is_taken_out_whole(name: str, tag: str):
    """The element goes with what is in it; the words around it stay."""
    assert fix(name, Draft("s", f"<p>a</p><{tag} x=1>evil</{tag}><p>b</p>")).body == "<p>a</p><p>b</p>"


def test_unknown_change_changes_nothing():
    """A name from elsewhere is no change."""
    assert fix("no_such", Draft("s", "b")) == Draft("s", "b")


def test_real_spam_and_newsletters_are_told_apart(shared: Path):
    """On the public corpus AUC is 0.88 or more, half of the spam is found, and 1 newsletter in 50 at most is lost."""
    folder = shared / "data" / "spam"
    spam, ham = (
        [score(read_letter(path.read_bytes())).score for path in sorted((folder / kind).iterdir())]
        for kind in ("spam", "hard_ham")
    )
    found = figures(spam, ham)
    assert found["auc"] >= 0.88
    assert found["spam_found"] >= 0.5
    assert found["newsletters_lost"] <= 0.02
