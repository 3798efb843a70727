"""MJML as its authors write it: what a text holds is kept to the letter; only MJML's own tags have to be in order."""

from __future__ import annotations

import pytest

from sillage.content.mjml import to_html
from sillage.errors import BadInput

WHOLE = "<mjml><mj-body><mj-section><mj-column>{}</mj-column></mj-section></mj-body></mjml>"


@pytest.mark.parametrize(
    "content",
    ["a<br>b", "<img src=x>", "<p>a<p>b", "<ul><li>a<li>b</ul>", "a < b & c", "<font color=red>x</font>",
     "<table><tr><td>x</table>", "{% if a < 3 %}x{% endif %}", '{{ a | default: "b" }}', "<b><i>x</b></i>",
     "<!--[if mso]><td><![endif]-->", "<o:p></o:p>", "</p>x", "sillagekept0z"],
)  # fmt: skip
@pytest.mark.parametrize("tag", ["mj-text", "mj-table", "mj-raw"])
def test_content_is_kept_to_the_letter(tag: str, content: str) -> None:
    """Whatever HTML stands in a text, a table or a raw part, it comes out as it went in."""
    assert content in to_html(WHOLE.format(f"<{tag}>{content}</{tag}>"))


def test_button_and_attributes_without_quotation_marks() -> None:
    """Attributes as HTML allows them are read; what is quoted stays, also with an equals sign in it."""
    made = to_html(
        WHOLE.format("<mj-button href=https://x.example/?a=1>Go <b>now</b></mj-button><mj-image src=y alt='b=c d=e' />")
    )
    assert 'href="https://x.example/?a=1"' in made
    assert "Go <b>now</b>" in made
    assert "b=c d=e" in made


@pytest.mark.parametrize("prolog", ["<?xml version='1.0'?>\n", "<!DOCTYPE html>", "<!-- mine -->\n"])
def test_what_stands_before_the_root_does_not_matter(prolog: str) -> None:
    """A prolog, a doctype or a comment before the root are no fault."""
    assert "Hi" in to_html(prolog + WHOLE.format("<mj-text>Hi</mj-text>"))


def test_text_without_content_and_in_a_comment_are_left() -> None:
    """An empty text is one, and one in a comment is none."""
    made = to_html(WHOLE.format("<mj-text></mj-text><!-- <mj-text>gone</mj-text> --><mj-text>there</mj-text>"))
    assert "there" in made
    assert ">gone<" not in made.replace("<!-- <mj-text>gone</mj-text> -->", "")


@pytest.mark.parametrize(
    ("source", "told"),
    [("<mjml><mj-body><mj-include path='x.mjml'/></mj-body></mjml>", "mj-include"),
     ("<mjml><mj-head><mj-foo/></mj-head><mj-body></mj-body></mjml>", "near 'mj-foo"),
     ("<mjml><mj-body><mj-section>", "does not parse"), ("", "does not parse")],
)  # fmt: skip
def test_fault_says_what_and_where(source: str, told: str) -> None:
    """The error names what is wrong and shows the place."""
    with pytest.raises(BadInput, match=told):
        to_html(source)
