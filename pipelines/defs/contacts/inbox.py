"""The inbox: inbox/<account>/<group>/FILE. What is done with leaves it; what waits for a person lies beside it."""

import os
from dataclasses import dataclass
from pathlib import Path

from sillage.errors import BadInput, NotFound

PARKED, FAILED = "parked", "failed"
QUIET_S = 2.0
"""A file that nobody has written for so long is complete."""
_UNFINISHED = (".part", ".tmp", ".crdownload", ".filepart", ".swp", "~")


@dataclass(frozen=True, slots=True)
class Dropped:
    """A file as it lay in the inbox when somebody looked."""

    account: str
    group: str
    path: Path
    inode: int
    size: int
    modified_ns: int
    changed_ns: int

    @property
    def work(self) -> str:
        """The name of the work that this very file is: another file at its place is other work."""
        stamp = f"{self.modified_ns}:{self.size}:{self.changed_ns}"
        return f"import {self.account}/{self.group}/{self.path.name} {stamp}"

    def move_to(self, folder: str) -> Path:
        """Put it into a folder beside it, under its name or the next that is free.

        It is there before it leaves here, so that a kill in between loses nothing.
        """
        place = self.path.parent / folder
        place.mkdir(exist_ok=True)
        number = 1
        while True:
            target = place / (self.path.name if number == 1 else f"{self.path.stem}-{number}{self.path.suffix}")
            try:
                os.link(self.path, target)
            except FileExistsError:
                if target.stat().st_ino != self.inode:
                    number += 1
                    continue
            self.path.unlink()
            return target

    def remove(self) -> None:
        """Take it away, now that its original is kept elsewhere; a newer file at its place stays."""
        aside = self.path.with_name(f".{self.path.name}.done")
        self.path.rename(aside)
        now = aside.stat()
        if (now.st_ino, now.st_size, now.st_mtime_ns) == (self.inode, self.size, self.modified_ns):
            aside.unlink()
        else:
            aside.rename(self.path)


def find(inbox: Path, account: str, group: str, name: str) -> Dropped:
    """One file of the inbox.

    Raises: NotFound where it is gone; BadInput where it is no plain name of a file in that folder.
    """
    if any(part in {"", ".", ".."} or "/" in part or "\0" in part for part in (account, group, name)):
        raise BadInput(f"{account}/{group}/{name} is no place in the inbox", code="bad_place")
    path = inbox / account / group / name
    found = _seen(account, group, path)
    if found is None:
        raise NotFound(f"{account}/{group}/{name} is not in the inbox any more")
    return found


def look(inbox: Path, now: float) -> tuple[list[Dropped], list[str]]:
    """Files that are complete, the oldest first; and what lies where no file is expected, in words.

    `now`: seconds since 1970.
    """
    files: list[Dropped] = []
    astray: list[str] = []
    for account in _folders(inbox, inbox, astray):
        for group in _folders(account, inbox, astray):
            for path in sorted(group.iterdir()):
                found = None if path.name.startswith(".") else _seen(account.name, group.name, path)
                if found is not None and _is_quiet(found, now) and not path.name.endswith(_UNFINISHED):
                    files.append(found)
    return sorted(files, key=lambda f: (f.changed_ns, f.path)), astray


def _folders(place: Path, inbox: Path, astray: list[str]) -> list[Path]:
    if not place.is_dir():
        return []
    within = sorted(p for p in place.iterdir() if not p.name.startswith("."))
    astray.extend(f"{p.relative_to(inbox)} lies outside a group's folder" for p in within if not p.is_dir())
    return [p for p in within if p.is_dir() and not p.is_symlink()]


def _seen(account: str, group: str, path: Path) -> Dropped | None:
    """None where it is gone, or no file: a link could lead out of the inbox."""
    try:
        if path.is_symlink() or not path.is_file():
            return None
        facts = path.stat()
    except FileNotFoundError:
        return None
    return Dropped(account, group, path, facts.st_ino, facts.st_size, facts.st_mtime_ns, facts.st_ctime_ns)


def _is_quiet(found: Dropped, now: float) -> bool:
    # The time of change can't be set back by who copies a file, as the time of modification can.
    return now - found.changed_ns / 1e9 >= QUIET_S
