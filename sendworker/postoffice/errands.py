"""Errands: what a person will do with a mail and when (planned as it is taken), and by which steps (when it is due)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum

from sendworker.postoffice import chance, reports
from sendworker.postoffice.letter import Letter, Link, LinkKind
from sendworker.postoffice.people import ANY_LINK, Person, Stage, Unsubscribes
from sendworker.postoffice.providers import MULTIPART, Mailboxes, Origin
from sendworker.postoffice.reports import Delivered, Post

MINUTE = 60.0
HOUR = 60 * MINUTE
DAY = 24 * HOUR

_BROWSER_ACCEPT = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"
_IMAGE_ACCEPT = "image/avif,image/webp,image/png,image/svg+xml,image/*;q=0.8,*/*;q=0.5"
_FORM_BOUNDARY = "----OneClickFormBoundary7MA4YWxk"


class Channel(StrEnum):
    """By which way an errand goes, so that a mail server that is down does not hold up the web."""

    WEB = "web"
    MAIL = "mail"


class ErrandKind(StrEnum):
    """What is done."""

    SCAN = "scan"
    PRELOAD = "preload"
    OPEN = "open"
    CLICK = "click"
    COMPLAIN = "complain"
    BOUNCE = "bounce"
    ONE_CLICK = "one_click"
    PAGE = "page"
    MAILTO = "mailto"

    @property
    def channel(self) -> Channel:
        """By which way it goes."""
        return Channel.MAIL if self in {self.COMPLAIN, self.BOUNCE, self.MAILTO} else Channel.WEB


@dataclass(frozen=True, slots=True)
class Planned:
    """An errand to be done, `wait` seconds of business time after the mail was taken."""

    kind: ErrandKind
    wait: float


def plan(person: Person, address: str, seed: int, scale: float, quickest: float = 0.0) -> list[Planned]:
    """What follows from a mail that was taken. Delays depend on seed and address alone, times `scale` (0 to 1).

    Whatever the scale, no person acts before `quickest` seconds: only machines read that fast.
    """

    def wait(kind: ErrandKind, median: float, sigma: float = 1.0, longest: float = 3 * DAY) -> float:
        return chance.delay(seed, "wait", kind, address, median=median, sigma=sigma, longest=longest)

    found: list[Planned] = []

    def add(kind: ErrandKind, seconds: float) -> None:
        is_person = kind not in {ErrandKind.SCAN, ErrandKind.PRELOAD, ErrandKind.BOUNCE}
        found.append(Planned(kind, seconds * scale + (quickest if is_person else 0.0)))

    if person.scanner:
        add(ErrandKind.SCAN, wait(ErrandKind.SCAN, 4, 0.6, MINUTE))
    if person.preload:
        add(ErrandKind.PRELOAD, wait(ErrandKind.PRELOAD, 20, 1.0, HOUR))
    read = wait(ErrandKind.OPEN, 45 * MINUTE, 1.3)
    if person.opens:
        add(ErrandKind.OPEN, read)
    if person.clicks:
        add(ErrandKind.CLICK, read + wait(ErrandKind.CLICK, 40, 0.8, HOUR))
    if person.unsubscribes is not None:
        kind = ErrandKind(person.unsubscribes.value)
        add(kind, read + wait(kind, 90, 0.9, HOUR))
    if person.complains:
        add(ErrandKind.COMPLAIN, read + wait(ErrandKind.COMPLAIN, 10 * MINUTE, 1.2, DAY))
    if person.bounce is not None and person.bounce.stage is Stage.MAIL:
        add(ErrandKind.BOUNCE, wait(ErrandKind.BOUNCE, 30 * MINUTE, 1.5, 2 * DAY))
    return found


@dataclass(frozen=True, slots=True)
class Fetch:
    """One HTTP request. `kind` is what the ledger calls it; `sends_form`: then the page's form is posted."""

    kind: str
    via: str
    method: str
    url: str
    origin: Origin
    is_machine: bool = False
    headers: tuple[tuple[str, str], ...] = ()
    body: bytes = b""
    sends_form: bool = False


@dataclass(frozen=True, slots=True)
class Mailing:
    """One mail to the platform's mail server."""

    kind: str
    via: str
    post: Post


@dataclass(frozen=True, slots=True)
class Omission:
    """Something that can't be done, which the ledger notes with the reason."""

    kind: str
    via: str
    reason: str


Step = Fetch | Mailing | Omission


@dataclass(frozen=True, slots=True)
class Case:
    """A mail in somebody's mailbox, as far as an errand needs it."""

    mail: Delivered
    letter: Letter
    person: Person


def steps(kind: ErrandKind, case: Case, boxes: Mailboxes, seed: int, due: float) -> list[tuple[Step, int]]:
    """The steps of an errand in order, each with the number of its repetition (0: the first).

    The same mail and seed give the same steps, so that an errand that was cut off goes on where it was.
    """
    once = _Acts(case, boxes, seed, due).of(kind)
    return [(step, repeat) for step in once for repeat in range(case.person.replays + 1)]


class _Acts:
    """Turns one errand into steps."""

    def __init__(self, case: Case, boxes: Mailboxes, seed: int, due: float) -> None:
        self._mail, self._letter, self._person = case.mail, case.letter, case.person
        self._boxes, self._seed, self._due = boxes, seed, due
        self._address = case.mail.recipient.lower()

    def of(self, kind: ErrandKind) -> list[Step]:
        """The steps of one kind of errand, each once."""
        acts: dict[ErrandKind, Callable[[], list[Step]]] = {
            ErrandKind.SCAN: self._scan,
            ErrandKind.PRELOAD: self._preload,
            ErrandKind.OPEN: self._open,
            ErrandKind.CLICK: self._clicks,
            ErrandKind.COMPLAIN: self._complain,
            ErrandKind.BOUNCE: self._return,
        }
        return acts[kind]() if kind in acts else [self._unsubscribe(Unsubscribes(kind.value))]

    def _preload(self) -> list[Step]:
        return self._images(self._boxes.machine("preload", self._seed, self._address), is_machine=True, via="preload")

    def _open(self) -> list[Step]:
        origin = self._own(self._boxes.images(self._seed, self._address))
        return self._images(origin, is_machine=False, via="person")

    def _own(self, usual: Origin) -> Origin:
        return Origin(self._person.agent or usual.agent, self._person.ip or usual.ip)

    def _scan(self) -> list[Step]:
        origin = self._boxes.machine("scanner", self._seed, self._address)
        asks_first = chance.draw(self._seed, "head", self._address) < 0.5  # noqa: PLR2004 - half of them
        methods = ("HEAD", "GET") if asks_first else ("GET",)
        header = [Link(LinkKind.UNSUBSCRIBE, self._letter.one_click)] if self._letter.one_click else []
        # The address of the header is most often the body's own link: it is fetched once.
        all_links = {link.url: link for link in (*self._letter.links, *header, *self._letter.images)}
        return [
            Fetch(link.kind, "scanner", method, link.url, origin, is_machine=True, headers=(("Accept", "*/*"),))
            for link in all_links.values()
            for method in methods
        ]

    def _images(self, origin: Origin, *, is_machine: bool, via: str) -> list[Step]:
        if not self._letter.images:
            return [Omission(LinkKind.OPEN, via, "no_images")]
        accept = (("Accept", _IMAGE_ACCEPT),)
        return [
            Fetch(link.kind, via, "GET", link.url, origin, is_machine=is_machine, headers=accept)
            for link in self._letter.images
        ]

    def _clicks(self) -> list[Step]:
        tracked = self._letter.tracked
        found: list[Step] = []
        for position in self._person.clicks:
            if position > len(tracked) or not tracked:
                found.append(Omission(LinkKind.CLICK, "person", "no_such_link"))
                continue
            link = (
                chance.pick(self._seed, tracked, "link", self._address)
                if position == ANY_LINK
                else tracked[position - 1]
            )
            found.append(self._browse(LinkKind.CLICK, link.url))
        return found

    def _browse(self, kind: str, url: str, *, sends_form: bool = False) -> Fetch:
        origin = self._own(self._boxes.browser(self._seed, self._address))
        headers = (("Accept", _BROWSER_ACCEPT), ("Accept-Language", "fr-FR,fr;q=0.9,en;q=0.7"))
        return Fetch(kind, "person", "GET", url, origin, headers=headers, sends_form=sends_form)

    def _unsubscribe(self, way: Unsubscribes) -> Step:
        match way:
            case Unsubscribes.ONE_CLICK:
                return self._one_click()
            case Unsubscribes.PAGE:
                link = self._letter.unsubscribe
                if link is None:
                    return Omission("unsubscribe", way, "no_such_link")
                return self._browse(LinkKind.UNSUBSCRIBE, link.url, sends_form=True)
            case Unsubscribes.MAILTO:
                uri = self._letter.mailto
                post = None if uri is None else reports.unsubscribe_mail(self._mail, uri, self._due)
                return _mailed("unsubscribe", way, post, "no_mailto")

    def _one_click(self) -> Step:
        if self._letter.one_click is None:
            return Omission("unsubscribe", Unsubscribes.ONE_CLICK, "no_one_click")
        content_type = self._boxes.provider(self._address).one_click_type
        body = b"List-Unsubscribe=One-Click"
        if content_type == MULTIPART:
            content_type += f"; boundary={_FORM_BOUNDARY}"
            dashes = f"--{_FORM_BOUNDARY}"
            field = 'Content-Disposition: form-data; name="List-Unsubscribe"'
            body = f"{dashes}\r\n{field}\r\n\r\nOne-Click\r\n{dashes}--\r\n".encode()
        return Fetch(
            "unsubscribe",
            Unsubscribes.ONE_CLICK,
            "POST",
            self._letter.one_click,
            self._own(self._boxes.browser(self._seed, self._address)),
            headers=(("Accept", "*/*"), ("Content-Type", content_type)),
            body=body,
        )

    def _complain(self) -> list[Step]:
        provider = self._boxes.provider(self._address)
        if not provider.has_loop:
            return [Omission("complaint", provider.name, "unreported")]
        post = reports.complaint(self._mail, provider.name, self._due)
        return [_mailed("complaint", provider.name, post, "no_sender")]

    def _return(self) -> list[Step]:
        bounce = self._person.bounce
        post = None if bounce is None else reports.returned(self._mail, bounce, self._due)
        return [_mailed("bounce_report", "mail", post, "no_sender")]


def _mailed(kind: str, via: str, post: Post | None, otherwise: str) -> Step:
    return Omission(kind, via, otherwise) if post is None else Mailing(kind, via, post)
