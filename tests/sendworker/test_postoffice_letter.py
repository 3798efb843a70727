"""What the post office reads out of a mail and out of a page."""

from __future__ import annotations

import quopri

from hypothesis import given
from hypothesis import strategies as st

from sendworker.postoffice.letter import LinkKind, read_form, read_head, read_letter

TOKEN = "A" * 36
BASE = "http://127.0.0.1:8420"
HTML = f"""<html><body>
<!-- <a href="{BASE}/c/{TOKEN}/9">not shown</a> -->
<a class="x>y" href="{BASE}/c/{TOKEN}/1">one</a>
<A HREF='{BASE}/c/{TOKEN}/2'>deux, é</A>
<a href="{BASE}/c/{TOKEN}/1">one again</a>
<a href="{BASE}/u/{TOKEN}">unsubscribe</a> <a href="{BASE}/t/{TOKEN}">no tracking</a>
<a href="{BASE}/w/{TOKEN}">online</a> <a href="mailto:a@b.example">write</a> <a href="{BASE}/x?a=1&amp;b=2">x</a>
<img src="{BASE}/media/logo.png" width="200" height="50"><img src="{BASE}/o/{TOKEN}.gif" width="1" height="1" alt="">
</body></html>"""


def mail(html: str = HTML, headers: str = "") -> bytes:
    """A mail with an HTML part in quoted-printable."""
    body = quopri.encodestring(html.encode()).replace(b"\n", b"\r\n")
    top = (
        f"Subject: =?utf-8?b?w6l0w6k=?=\r\n soldes\r\nMessage-ID:\r\n <m1@b.example>\r\n"
        f"Feedback-ID: 22:11:3:sillage\r\n{headers}"
        "MIME-Version: 1.0\r\nContent-Type: multipart/alternative; boundary=B\r\n\r\n"
        "--B\r\nContent-Type: text/plain\r\n\r\nhttp://127.0.0.1/plain\r\n"
        "--B\r\nContent-Type: text/html; charset=utf-8\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n"
    )
    return top.encode() + body + b"\r\n--B--\r\n"


def test_head_reads_folded_and_encoded_headers() -> None:
    """Folded and encoded headers come out in clear, and Feedback-ID gives variant and campaign."""
    head = read_head(mail())
    assert head.message_id == "<m1@b.example>"
    assert head.subject == "été soldes"
    assert (head.variant, head.campaign, head.account) == ("22", "11", "3")


def test_head_ignores_what_stands_in_the_body() -> None:
    """A line of the body that looks like a header is none."""
    head = read_head(b"Subject: a\r\n\r\nMessage-ID: <no@b.example>\r\nFeedback-ID: 1:2:3:x\r\n")
    assert head.message_id is None
    assert head.campaign is None


def test_letter_tells_links_apart_in_their_order() -> None:
    """Links are told by their shape, each once, without what stands in comments."""
    letter = read_letter(mail())
    assert [link.url for link in letter.tracked] == [f"{BASE}/c/{TOKEN}/1", f"{BASE}/c/{TOKEN}/2"]
    assert letter.unsubscribe is not None
    assert letter.unsubscribe.url == f"{BASE}/u/{TOKEN}"
    assert [image.kind for image in letter.images] == [LinkKind.IMAGE, LinkKind.OPEN]
    assert [link.kind for link in letter.links][-1] is LinkKind.OTHER
    assert letter.links[-1].url == f"{BASE}/x?a=1&b=2"


def test_letter_needs_both_headers_for_one_click() -> None:
    """A List-Unsubscribe without List-Unsubscribe-Post offers no one-click (RFC 8058 3.1)."""
    header = f"List-Unsubscribe: <{BASE}/u/{TOKEN}>,\r\n <mailto:u-x@b.example?subject=stop>\r\n"
    post = "List-Unsubscribe-Post: List-Unsubscribe=One-Click\r\n"
    assert read_letter(mail(headers=header)).one_click is None
    both = read_letter(mail(headers=header + post))
    assert both.one_click == f"{BASE}/u/{TOKEN}"
    assert both.mailto == "mailto:u-x@b.example?subject=stop"


def test_letter_of_plain_text_gives_its_links() -> None:
    """A mail without HTML has the links of its text."""
    letter = read_letter(f"Subject: a\r\n\r\nsee {BASE}/c/{TOKEN}/1 now\r\n".encode())
    assert [link.url for link in letter.tracked] == [f"{BASE}/c/{TOKEN}/1"]


def test_letter_survives_a_thousand_nested_parts() -> None:
    """A mail of parts within parts is a mail without links, not a crash."""
    deep = b"".join(b"Content-Type: multipart/mixed; boundary=b%d\r\n\r\n--b%d\r\n" % (n, n) for n in range(3_000))
    assert read_letter(deep).links == ()


@given(st.binary(max_size=400))
def test_reading_survives_any_bytes(raw: bytes) -> None:
    """Whatever comes, reading it raises nothing."""
    for text in (
        raw,
        b"Content-Type: text/html; charset=" + raw,
        b"Content-Type: text/html\r\n\r\n<a href=http://" + raw,
    ):
        read_head(text)
        read_letter(text)
    read_form(raw.decode("latin-1"))


def test_form_sends_hidden_fields_and_one_button() -> None:
    """A form gives its hidden fields and the button that was pressed; one sent by GET is none."""
    page = """<form method="get" action="/no"><input name=q></form>
    <form action="/u/x" method="POST"><input type="hidden" name="confirm" value="1&amp;2"><input type=checkbox name=no>
    <button type="submit" name="go" value="yes">Go</button><button type="submit" name="stop">Stop</button></form>"""
    form = read_form(page)
    assert form is not None
    assert form.action == "/u/x"
    assert form.fields == (("confirm", "1&2"), ("go", "yes"))
    assert read_form("<form action=/x><input name=a></form>") is None
