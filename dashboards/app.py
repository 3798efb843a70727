"""The pages' one entry: `streamlit run dashboards/app.py`. Streamlit, with our way in and our guard around it."""

from __future__ import annotations

from pathlib import Path
from uuid import uuid4

import streamlit as st
import structlog
from starlette.middleware import Middleware

from dashboards.front.cookies import Cookies
from dashboards.front.exports import Exports
from dashboards.front.guard import Guard
from dashboards.front.routes import Routes
from dashboards.shell import store_of
from sillage.access import Door, Links
from sillage.log import configure
from sillage.settings import Settings

configure("dashboards")
log = structlog.get_logger()
_settings = Settings.load()
_store = store_of(_settings.database_url)
_door = Door(_store, _settings.secret.get_secret_value())
_cookies = Cookies(_settings)


def _failed(exc: Exception) -> bool:
    """Whatever went wrong, no trace reaches a person: they get a number that the log has too."""
    reference = uuid4().hex[:8]
    log.error("page.failed", reference=reference, exc_info=exc)
    st.error(
        "This page could not be drawn. Load it again; if it stays, look for its number in the log of the pages."
        f" · Cette page n'a pas pu s'afficher ; son numéro dans le journal des pages : **{reference}**.",
        icon=":material/error:",
    )
    return True


app = st.App(
    Path(__file__).parent / "main.py",
    routes=[
        *Routes(_settings, _door, Links(_store, _settings, _door), _cookies).routes,
        *Exports(_settings, _store, _door, _cookies).routes,
    ],
    middleware=[Middleware(Guard, door=_door, cookies=_cookies)],
    on_script_error=_failed,
)
