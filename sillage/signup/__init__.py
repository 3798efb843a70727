"""Double opt-in: a sign-up, a mail that asks, a button that confirms. Pages, the API and the CLI all call this."""

from sillage.signup.accept import Answer, ask_contacts, sign_up
from sillage.signup.confirm import SignupKey, confirm, find

__all__ = ["Answer", "SignupKey", "ask_contacts", "confirm", "find", "sign_up"]
