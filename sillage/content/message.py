"""A campaign's variant, compiled once into byte segments with holes, and filled for each recipient.

Fixed text is transfer-encoded when it is compiled. Filling encodes the merge fields, puts the recipient's token
where it belongs and joins: some 15 µs for a message of 10 KB, against 2 ms through the email package.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from email.utils import format_datetime
from functools import lru_cache

from liquid import BoundTemplate

from sillage.content import html as mail_html
from sillage.content import merge, mime, mjml, text
from sillage.content.dkim import DkimKey, Signer
from sillage.content.html import BASE_MARK, PIXEL_MARK, RECIPIENT_MARK, Footer, Link
from sillage.content.mime import Attachment
from sillage.content.segments import Builder, Filler, Person, Segments
from sillage.domain.campaign import Pixel, SourceKind
from sillage.errors import BadInput

TOKEN_WIDTH = 36


@dataclass(frozen=True, slots=True)
class Source:
    """A variant as its author wrote it."""

    kind: SourceKind
    body: str
    subject: str
    preheader: str = ""
    text: str | None = None
    defaults: tuple[tuple[str, str], ...] = ()
    files: tuple[Attachment, ...] = ()


@dataclass(frozen=True, slots=True)
class Envelope:
    """What all recipients of a variant see in the headers."""

    from_name: str
    from_email: str
    reply_to: str | None
    bounce_domain: str
    base_url: str
    feedback_id: str
    """VARIANT:CAMPAIGN:ACCOUNT:sillage, the form that Gmail's feedback loop reads."""
    language: str
    is_measured: bool = True
    """Without it links lead straight to their targets, and there is no pixel."""


@dataclass(frozen=True, slots=True)
class Compiled:
    """A variant ready to be filled, with what its links are and what it needs to know of each person."""

    html: str
    links: tuple[Link, ...]
    unfollowed: tuple[str, ...]
    needed_fields: frozenset[str]
    all_fields: frozenset[str]
    defaults: dict[str, str]
    size: int
    _segments: Segments
    _signer: Signer | None
    _subject: BoundTemplate

    def fill(self, person: Person) -> bytes:
        """The message for one person, CRLF line ends, ready for DATA, signed where there are keys.

        Raises: BadInput where a field that it needs is empty or it can't be rendered.
        """
        for name in self.needed_fields:
            if not person.fields.get(name) and not self.defaults.get(name):
                raise BadInput(f"field {name!r} is empty", code="missing_field", field=name)
        if self._signer is None:
            return self._segments.whole(person)
        head, canonical, body = self._segments.parts(person)
        return b"%b%b\r\n%b" % (self._signer.sign(canonical, body, person.sent_at), head, body)

    def fill_html(self, person: Person, base_url: str) -> str:
        """The HTML part alone, for the web version: the person's own links and fields, and no pixel."""
        template = merge.parse(self.html, where="body", is_html=True)
        parts = [p if isinstance(p, str) else p.fill(self._fields(person)) for p in merge.split(template)]
        page = "".join(parts).replace(PIXEL_MARK, "data:,").replace(BASE_MARK, base_url)
        return page.replace(RECIPIENT_MARK, person.token)

    def subject_of(self, fields: merge.Fields) -> str:
        """The subject as somebody with these fields reads it."""
        known = _with_defaults(fields, self.defaults)
        return "".join(p if isinstance(p, str) else p.fill(known) for p in merge.split(self._subject))

    def _fields(self, person: Person) -> merge.Fields:
        return {**self.defaults, **{k: v for k, v in person.fields.items() if v not in (None, "")}}


def compile_variant(source: Source, envelope: Envelope, footer: Footer, keys: Sequence[DkimKey] = ()) -> Compiled:
    """Compile a variant, to be signed with `keys`.

    Raises: BadInput that names what can't be compiled and where.
    """
    for name, piece in (("body", source.body), ("subject", source.subject), ("preheader", source.preheader)):
        mail_html.check_marks(piece)
        merge.parse(piece, where=name, is_html=name == "body")
    if not source.subject.strip():
        raise BadInput("the subject is empty", code="empty_subject", field="subject")
    body = mjml.to_html(source.body) if source.kind is SourceKind.MJML else source.body
    dressed = mail_html.dress(body, preheader=source.preheader, footer=footer, title=source.subject)
    unfollowed = tuple(mail_html.unfollowed_links(dressed))
    if envelope.is_measured:
        followed, links = mail_html.follow_links(dressed)
    else:
        followed, links = dressed.replace(mail_html.PIXEL_TAG, ""), []
    plain = source.text if source.text is not None else text.from_html(followed.replace(PIXEL_MARK, ""))
    writer = _Writer(dict(source.defaults), envelope.base_url)
    needed, named = set[str](), set[str]()
    templates = {
        "subject": merge.parse(source.subject, where="subject", is_html=False),
        "text": merge.parse(plain, where="text part", is_html=False),
        "html": merge.parse(followed, where="body", is_html=True),
    }
    for template in templates.values():
        needed |= merge.needed_fields(template)
        named |= merge.all_fields(template)
    writer.headers(envelope, templates["subject"])
    boundary = hashlib.blake2b(followed.encode(), digest_size=12).hexdigest()
    _write_body(writer, templates, source.files, boundary)
    segments = writer.done()
    return Compiled(
        html=followed,
        links=tuple(links),
        unfollowed=unfollowed,
        needed_fields=frozenset(needed),
        all_fields=frozenset(named),
        defaults=dict(source.defaults),
        size=segments.size,
        _segments=segments,
        _signer=Signer(keys, segments.header_names) if keys else None,
        _subject=templates["subject"],
    )


def _write_body(
    writer: _Writer, templates: dict[str, BoundTemplate], files: tuple[Attachment, ...], boundary: str
) -> None:
    """mixed(related(alternative(text, html), images), attachments), without the layers that nothing needs."""
    inline = [file for file in files if file.cid]
    attached = [file for file in files if not file.cid]
    layers = ["mixed"] * bool(attached) + ["related"] * bool(inline) + ["alternative"]
    marks = {layer: f"=_sillage_{layer[:3]}_{boundary}".encode() for layer in layers}
    for depth, layer in enumerate(layers):
        kind = b'multipart/%b;\r\n boundary="%b"' % (layer.encode(), marks[layer])
        if depth == 0:
            writer.header("MIME-Version", b"1.0")
            writer.header("Content-Type", kind)
            writer.begin_body()
        else:
            writer.fixed(b"--%b\r\nContent-Type: %b\r\n\r\n" % (marks[layers[depth - 1]], kind))
    for part in ("text", "html"):
        writer.fixed(
            b"--%b\r\nContent-Type: text/%b; charset=utf-8\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n"
            % (marks["alternative"], b"plain" if part == "text" else b"html")
        )
        writer.body(merge.split(templates[part]))
        writer.fixed(b"\r\n")
    writer.fixed(b"--%b--\r\n" % marks["alternative"])
    for layer, members in (("related", inline), ("mixed", attached)):
        if members:
            writer.fixed(b"".join(b"--%b\r\n%b" % (marks[layer], mime.attachment(file)) for file in members))
            writer.fixed(b"--%b--\r\n" % marks[layer])


class _Writer:
    """Collects headers, then the body: fixed bytes and holes in order."""

    def __init__(self, defaults: dict[str, str], base_url: str) -> None:
        self._defaults = defaults
        self._base = base_url
        self._build = Builder()
        self.fixed = self._build.fixed
        self.hole = self._build.hole
        self.header = self._build.header
        self.begin_body = self._build.begin_body

    def done(self) -> Segments:
        return self._build.done()

    def headers(self, envelope: Envelope, subject: BoundTemplate) -> None:
        domain = mime.ascii_domain(envelope.bounce_domain).encode("ascii")
        base = self._base.encode("ascii")
        self.header("From", mime.mailbox(envelope.from_name, envelope.from_email))
        self.header("To", lambda p: mime.address(p.address))
        self._subject(subject)
        self.header("Date", lambda p: _date(p.sent_at.replace(microsecond=0)))
        self.header("Message-ID", b"<", _mailbox_token, b"@%b>" % domain)
        if envelope.reply_to:
            self.header("Reply-To", mime.mailbox("", envelope.reply_to))
        self.header(
            "List-Unsubscribe", b"<%b/u/" % base, _token, b">,\r\n <mailto:u-", _mailbox_token, b"@%b>" % domain
        )
        self.header("List-Unsubscribe-Post", b"List-Unsubscribe=One-Click")
        self.header("Feedback-ID", envelope.feedback_id.encode("ascii"))
        self.header("Content-Language", envelope.language.encode("ascii"))

    def _subject(self, subject: BoundTemplate) -> None:
        parts = merge.split(subject)
        if all(isinstance(p, str) for p in parts):
            self.header("Subject", mime.unstructured("".join(map(str, parts))))
            return
        defaults = self._defaults

        def fill(person: Person) -> bytes:
            fields = _with_defaults(person.fields, defaults)
            return mime.unstructured("".join([p if isinstance(p, str) else p.fill(fields) for p in parts]))

        self.header("Subject", fill)

    def body(self, parts: list[str | merge.Hole]) -> None:
        for part in parts:
            if isinstance(part, str):
                self._fixed_body(part.replace(BASE_MARK, self._base))
            else:
                self._field(part)

    def _fixed_body(self, piece: str) -> None:
        for index, run in enumerate(piece.split(PIXEL_MARK)):
            if index:
                self.fixed(mime.SOFT_BREAK)
                self.hole(self._pixel())
                self.fixed(mime.SOFT_BREAK)
            encoded = mime.quoted_printable(run, width_of_mark=TOKEN_WIDTH, mark=RECIPIENT_MARK)
            for at, raw in enumerate(encoded.split(b"\x00")):
                if at:
                    self.hole(_token)
                self.fixed(raw)

    def _field(self, hole: merge.Hole) -> None:
        defaults, base = self._defaults, self._base

        def fill(person: Person) -> bytes:
            value = hole.fill(_with_defaults(person.fields, defaults))
            if RECIPIENT_MARK in value or PIXEL_MARK in value or BASE_MARK in value:
                # A condition or a loop around links: they were followed, and stand in the rendered part.
                value = value.replace(BASE_MARK, base).replace(RECIPIENT_MARK, person.token)
            return mime.field(value)

        self.hole(fill)

    def _pixel(self) -> Filler:
        # The token is all that differs: what stands around it is encoded once.
        person_head, person_tail = self._around_token("o")
        hygiene_head, hygiene_tail = self._around_token("h")

        def fill(person: Person) -> bytes:
            match person.pixel:
                case Pixel.INDIVIDUAL:
                    return b"%b%b%b" % (person_head, person.token.encode("ascii"), person_tail)
                case Pixel.ANONYMOUS:
                    return b"%b%b%b" % (person_head, person.anonymous_token.encode("ascii"), person_tail)
                case Pixel.HYGIENE:
                    return b"%b%b%b" % (hygiene_head, person.token.encode("ascii"), hygiene_tail)

        return fill

    def _around_token(self, page: str) -> list[bytes]:
        address = f"{self._base}/{page}/{RECIPIENT_MARK}.gif"
        return mime.quoted_printable(address, width_of_mark=TOKEN_WIDTH, mark=RECIPIENT_MARK).split(b"\x00")


@lru_cache(maxsize=64)
def _date(moment: datetime) -> bytes:
    return format_datetime(moment).encode("ascii")


def _with_defaults(fields: merge.Fields, defaults: dict[str, str]) -> merge.Fields:
    if not defaults:
        return fields
    return {**defaults, **{k: v for k, v in fields.items() if v not in (None, "")}}


def _token(person: Person) -> bytes:
    return person.token.encode("ascii")


def _mailbox_token(person: Person) -> bytes:
    return person.mailbox_token.encode("ascii")
