"""Who may come in: passwords, sessions and one-time links. Pages and the command line both call this."""

from sillage.access.door import Answer, Door, SignedIn
from sillage.access.links import Links
from sillage.access.passwords import checked_password

__all__ = ["Answer", "Door", "Links", "SignedIn", "checked_password"]
