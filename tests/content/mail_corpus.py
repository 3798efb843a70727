"""Mails as they are found in the wild, written here by style: each is taken in, shown, and sent or refused kindly."""

from __future__ import annotations

import base64
import io
from dataclasses import dataclass

from PIL import Image


def _png() -> str:
    out = io.BytesIO()
    Image.new("RGB", (8, 8), "#0B7A75").save(out, "PNG")
    return base64.b64encode(out.getvalue()).decode()


@dataclass(frozen=True, slots=True)
class Wild:
    """One file. `sends` is false where it can't be compiled and has to say why."""

    name: str
    raw: bytes
    sends: bool = True


def _html(name: str, text: str, encoding: str = "utf-8") -> Wild:
    return Wild(f"{name}.html", text.encode(encoding))


def _mjml(name: str, body: str, head: str = "", *, sends: bool = True) -> Wild:
    return Wild(f"{name}.mjml", f"<mjml>{head}<mj-body>{body}</mj-body></mjml>".encode(), sends)


def _row(cells: str) -> str:
    return f"<mj-section><mj-column>{cells}</mj-column></mj-section>"


HTML = [
    _html("old_tables", "<TABLE WIDTH=600 BGCOLOR=#FFFFFF><TR><TD ALIGN=center><FONT FACE=Arial SIZE=4>Old</FONT><BR>"
          "<IMG SRC=logo.gif BORDER=0></TD></TR></TABLE>"),
    _html("no_html_no_head", "<p>Just a paragraph</p><p>and <a href=https://x.example>another</a>"),
    _html("upper_case", "<HTML><HEAD><TITLE></TITLE></HEAD><BODY><P>LOUD<A HREF='https://x.example/'>GO</A></BODY></HTML>"),
    _html("outlook", "<!--[if mso]><table><tr><td width='600'><![endif]--><div style='max-width:600px'>In</div>"
          "<!--[if mso]></td></tr></table><![endif]--><!--[if !mso]><!--><p>Else</p><!--<![endif]-->"),
    _html("vml_button", "<!--[if mso]><v:roundrect xmlns:v='urn:schemas-microsoft-com:vml' href='https://x.example/'>"
          "<v:fill color='#f00'/><center>Go</center></v:roundrect><![endif]--><a href='https://x.example/'>Go</a>"),
    _html("dark_and_media", "<html><head><style>@import url('https://fonts.example/a.css');"
          "@media (prefers-color-scheme:dark){.a{background:#000!important}}"
          "@media only screen and (max-width:480px){.a{width:100%!important}}"
          ".a{color:#123456}</style></head><body class=a><p class=a>Dark</p></body></html>"),
    _html("base64_picture", f"<p><img src='data:image/png;base64,{_png()}' alt='dot'></p>"),
    _html("huge_styles", "<p style='" + "color:#000;" * 4000 + "'>Wide</p>"),
    _html("latin_1", "<html><head><meta charset='iso-8859-1'></head><body>Été à Orléans</body></html>", "latin-1"),
    _html("cp1252_unsaid", "<p>L\u2019été \u2014 \u201cquotes\u201d à 20 €</p>" * 20, "cp1252"),
    _html("utf_16", "<html><body>Sixteen é</body></html>", "utf-16"),
    _html("bom", "\ufeff<p>Marked</p>"),
    _html("mailchimp", "<p>Hi *|FNAME|*, <a href='*|UNSUB|*'>out</a> *|LIST:ADDRESS|* *|IF:VIP|*x*|END:IF|*</p>"),
    _html("salesforce", "<p>%%First Name%% <a href='%%unsub_center_url%%'>out</a> %%=v(@x)=%%</p>"),
    _html("brackets", "<p>[[firstname]] [unsubscribe]out[/unsubscribe]</p>"),
    _html("handlebars", "<p>{{#if vip}}Hi {{{name}}}{{else}}You{{/if}} {{> footer}}</p>"),
    _html("jinja", "<p>{{ contact.first_name|default('x') }}{% macro a() %}{% endmacro %}{% set b = 1 %}</p>"),
    _html("half_liquid", "<p>{{ first_name and {% if x %} never closed</p>"),
    _html("loop", "<p>{% for i in (1..99999999) %}x{% endfor %}</p>"),
    _html("erb_and_dollar", "<p><%= name %> ${name} #{name} %name% 100% of 20%</p>"),
    _html("unclosed", "<div><table><tr><td><b>Never <i>closed <a href=https://x.example>x"),
    _html("comments", "<!-- a --><p>One<!-- {{ not_a_field }} --></p><!-- unclosed <p>x"),
    _html("cdata_xhtml", "<?xml version='1.0'?><!DOCTYPE html PUBLIC '-//W3C//DTD XHTML 1.0 Transitional//EN' "
          "'http://www.w3.org/TR/xhtml1/DTD/xhtml1-transitional.dtd'><html xmlns='http://www.w3.org/1999/xhtml'>"
          "<body><![CDATA[x]]><p>Strict<br/></p></body></html>"),
    _html("two_bodies", "<html><body><p>One</p></body><body><p>Two</p></body></html>"),
    _html("script", "<html><body onload='alert(1)'><script>alert(1)</script><p onclick=alert(1)>Hi</p>"
          "<a href='javascript:alert(1)'>x</a><meta http-equiv=refresh content='0;url=https://x.example'>"
          "<svg/onload=alert(1)><p style='width:expression(alert(1))'>y</p><iframe src=https://x.example></iframe>"
          "<form action=https://x.example><input autofocus onfocus=alert(1)></form></body></html>"),
    _html("only_style", "<style>p{color:red}</style>"),
    _html("many_links", "".join(f"<a href='https://x.example/{n}'>{n}</a> " for n in range(400))),
    _html("rtl", "<html lang=ar dir=rtl><body><p>\u0645\u0631\u062d\u0628\u0627</p></body></html>"),
    _html("private_use", "<p>\ue000 marks \ue001 of \ue002 ours</p>"),
]  # fmt: skip
MJML = [
    _mjml("plain", _row("<mj-text>Hello</mj-text>")),
    _mjml("attributes_and_classes", _row('<mj-text mj-class="big">Hi</mj-text>'),
          '<mj-head><mj-attributes><mj-all font-family="Arial"/><mj-class name="big" font-size="30px"/>'
          "</mj-attributes><mj-font name='X' href='https://fonts.example/x.css'/><mj-title>T</mj-title>"
          "<mj-preview>P</mj-preview><mj-breakpoint width='400px'/></mj-head>"),
    _mjml("inline_style", _row('<mj-text css-class="r">Hi</mj-text>'),
          '<mj-head><mj-style inline="inline">.r div{color:red!important}</mj-style><mj-style>a{color:blue}</mj-style>'
          "</mj-head>"),
    _mjml("hero", '<mj-hero mode="fixed-height" height="200px" background-url="https://x.example/a.jpg" '
          'background-width="600px" background-height="200px"><mj-text>In</mj-text></mj-hero>'),
    _mjml("wrapper_and_group", f"<mj-wrapper>{_row('<mj-text>A</mj-text>')}<mj-section><mj-group><mj-column>"
          "<mj-text>B</mj-text></mj-column><mj-column><mj-text>C</mj-text></mj-column></mj-group></mj-section>"
          "</mj-wrapper>"),
    _mjml("carousel", _row('<mj-carousel><mj-carousel-image src="https://x.example/1.jpg"/>'
          '<mj-carousel-image src="https://x.example/2.jpg"/></mj-carousel>')),
    _mjml("accordion", _row("<mj-accordion><mj-accordion-element><mj-accordion-title>Q</mj-accordion-title>"
          "<mj-accordion-text>A</mj-accordion-text></mj-accordion-element></mj-accordion>")),
    _mjml("navbar", _row('<mj-navbar><mj-navbar-link href="https://x.example/">Home</mj-navbar-link></mj-navbar>')),
    _mjml("social", _row('<mj-social><mj-social-element name="facebook" href="https://x.example/">F'
          "</mj-social-element></mj-social>")),
    _mjml("table", _row("<mj-table><tr><th>A</th></tr><tr><td>1</td></tr></mj-table>")),
    _mjml("raw", "<mj-raw><!-- raw --></mj-raw>" + _row("<mj-raw><p>Raw</p></mj-raw><mj-text>x</mj-text>")),
    _mjml("liquid_between", f"{{% if vip %}}{_row('<mj-text>VIP</mj-text>')}{{% endif %}}"),
    _mjml("comment_and_entities", "<!-- c -->" + _row("<mj-text>a &amp; b &nbsp; c<br/>d</mj-text>")),
    _mjml("image_and_button", _row('<mj-image src="https://x.example/a.png" alt=""/>'
          '<mj-button href="https://x.example/?a=1&amp;b=2">Go</mj-button><mj-divider/><mj-spacer height="9px"/>')),
    _mjml("unclosed", "<mj-section><mj-column><mj-text>Never", sends=False),
    _mjml("crossed", "<mj-section><mj-column></mj-section></mj-column>"),
    _mjml("include", '<mj-include path="./header.mjml"/>', sends=False),
]  # fmt: skip
ALL = HTML + MJML
