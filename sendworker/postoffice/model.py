"""What people do where the file does not say: rates as senders of newsletters see them, drawn by seed."""

from __future__ import annotations

from dataclasses import replace

from sendworker.postoffice.chance import draw, pick
from sendworker.postoffice.people import ANY_LINK, NOBODY, Bounce, People, Person, Stage, Unsubscribes

OPENS = 0.35
CLICKS_IF_OPENED = 0.137
CLICKS_UNSEEN = 0.003
"""Clicks of those who load no images; with the row above, 5 % of all."""
COMPLAINS = 0.0005
UNSUBSCRIBES = 0.002
DEFERS = 0.01
SCANNER = 0.3
"""Of the mailboxes that are at no known provider: companies."""

# Shares of all addresses, one after the other.
BOUNCES = (
    (0.006, Bounce(Stage.SESSION, 550, "5.1.1", "No such user here")),
    (0.002, Bounce(Stage.MAIL, 552, "5.2.2", "Mailbox full")),
    (0.002, Bounce(Stage.MAIL, 550, "5.1.1", "The recipient does not exist")),
    (0.002, Bounce(Stage.DATA, 554, "5.7.1", "Message refused by policy")),
)
WAYS_OUT = (*[Unsubscribes.ONE_CLICK] * 5, *[Unsubscribes.PAGE] * 4, Unsubscribes.MAILTO)


class Nature:
    """Answers for any address who its person is: the file's word first, the model's where a column is missing."""

    def __init__(self, people: People, seed: int, *, is_modelled: bool) -> None:
        self._people = people
        self._seed = seed
        self._is_modelled = is_modelled

    @property
    def people(self) -> People:
        """Those whom the file names."""
        return self._people

    def of(self, address: str, *, is_company: bool, occasion: str = "") -> Person:
        """The person of an address. `occasion` is the campaign: who opened one need not open the next.

        What the mailbox is (bounces, deferrals, its gateway) does not change from one campaign to another.
        """
        person = self._people.get(address)
        if not self._is_modelled:
            return NOBODY if person is None else person
        missing = _MODELLED if person is None else _MODELLED - self._people.columns
        return _fill(person or NOBODY, missing, self._seed, address.lower(), occasion, is_company=is_company)


_MODELLED = frozenset({"opens", "clicks", "bounce", "defer", "complains", "unsubscribes", "scanner"})


def _fill(
    person: Person, missing: frozenset[str], seed: int, address: str, occasion: str, *, is_company: bool
) -> Person:
    if not missing:
        return person
    opens, clicks, bounce, defer = person.opens, person.clicks, person.bounce, person.defer
    complains, unsubscribes, scanner = person.complains, person.unsubscribes, person.scanner
    if "bounce" in missing:
        bounce = _bounce(draw(seed, "bounce", address))
    if "defer" in missing:
        defer = int(draw(seed, "defer", address) < DEFERS)
    if "scanner" in missing:
        scanner = is_company and draw(seed, "scanner", address) < SCANNER
    if "opens" in missing:
        opens = bounce is None and draw(seed, "opens", address, occasion) < OPENS
    if "clicks" in missing:
        likely = 0.0 if bounce else CLICKS_IF_OPENED if opens else CLICKS_UNSEEN
        clicks = (ANY_LINK,) if draw(seed, "clicks", address, occasion) < likely else ()
    if "complains" in missing:
        complains = bounce is None and draw(seed, "complains", address, occasion) < COMPLAINS
    if "unsubscribes" in missing:
        leaves = bounce is None and draw(seed, "unsubscribes", address, occasion) < UNSUBSCRIBES
        unsubscribes = pick(seed, WAYS_OUT, "way", address) if leaves else None
    return replace(
        person,
        opens=opens,
        clicks=clicks,
        bounce=bounce,
        defer=defer,
        complains=complains,
        unsubscribes=unsubscribes,
        scanner=scanner,
    )


def _bounce(share: float) -> Bounce | None:
    for part, bounce in BOUNCES:
        if share < part:
            return bounce
        share -= part
    return None
