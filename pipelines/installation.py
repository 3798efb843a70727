"""The resource of all rooms: this installation, as its environment describes it."""

from collections.abc import Iterator
from contextlib import closing, contextmanager

import dagster as dg
import sqlalchemy as sa

from sillage.lake.reader import Reader
from sillage.settings import Settings
from sillage.store.database import Store
from sillage.store.migrate import upgrade


class Installation(dg.ConfigurableResource):  # type: ignore[type-arg]  # it hands out itself
    """Settings, ops, and the read side of lake and marts. What is opened is closed by whoever opened it."""

    def settings(self) -> Settings:
        """The settings of this process.

        Raises: BadInput that names each wrong setting.
        """
        return Settings.load()

    @contextmanager
    def store(self) -> Iterator[Store]:
        """Ops; made first where Dagster is the first process of an installation."""
        store = Store(self.settings().database_url)
        try:
            if not sa.inspect(store.engine).has_table("accounts"):
                upgrade(store)
            yield store
        finally:
            store.close()

    @contextmanager
    def reader(self) -> Iterator[Reader]:
        """Lake and marts, read-only."""
        with closing(Reader(self.settings())) as reader:
            yield reader
