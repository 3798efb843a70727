"""List hygiene: addresses that look wrong, people who no longer read, each a list with one action."""

from sillage.hygiene.actions import ACTIONS, Done, act
from sillage.hygiene.lists import Found, Kind, Lists, lists_of

__all__ = ["ACTIONS", "Done", "Found", "Kind", "Lists", "act", "lists_of"]
