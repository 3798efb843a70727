"""Where an export is fetched: by who is a member of its account; for all others there is no such file."""

from __future__ import annotations

import asyncio
import re
from pathlib import Path

from starlette.requests import Request
from starlette.responses import FileResponse, PlainTextResponse, Response
from starlette.routing import Route

from dashboards.front.cookies import Cookies
from sillage.access import Door
from sillage.errors import NotFound, SillageError
from sillage.export.registered import found
from sillage.export.write import MEDIA_TYPES, FileKind
from sillage.settings import Settings
from sillage.store.database import Store

_NAME = re.compile(r"[^\w.-]+")
_LONGEST = 80


class Exports:
    """`/export/NUMBER?name=…`, of one installation."""

    def __init__(self, settings: Settings, store: Store, door: Door, cookies: Cookies) -> None:
        self._settings = settings
        self._store = store
        self._door = door
        self._cookies = cookies

    @property
    def routes(self) -> list[Route]:
        """The one route."""
        return [Route("/export/{number}", self._answer, methods=["GET", "HEAD"])]

    async def _answer(self, request: Request) -> Response:
        try:
            path = await asyncio.to_thread(
                self._path, request.path_params["number"], self._cookies.token(request.cookies)
            )
        except NotFound:
            return PlainTextResponse("no such file", 404, headers={"cache-control": "no-store"})
        except SillageError:
            return PlainTextResponse("not now", 503, headers={"cache-control": "no-store"})
        kind = FileKind(path.suffix[1:])
        name = _NAME.sub("-", request.query_params.get("name", "")).strip("-.")[:_LONGEST] or "export"
        return FileResponse(
            path, media_type=MEDIA_TYPES[kind], filename=f"{name}.{kind}",
            headers={"cache-control": "no-store", "x-content-type-options": "nosniff"},
        )  # fmt: skip

    def _path(self, number: str, token: str) -> Path:
        """Raises: NotFound in the same words, whatever it is that there is none of."""
        signed_in = self._door.who(token)
        if signed_in is not None and number.isascii() and number.isdigit() and len(number) <= 18:  # noqa: PLR2004
            now = self._settings.clock.now()
            with self._store.read() as conn:
                for membership in signed_in.memberships:
                    try:
                        return found(conn, membership.account_id, int(number), now=now).path
                    except NotFound:
                        continue
        raise NotFound("no such file")
