"""Replies in the making: one for each open page, each of which can be stopped at any moment."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager

from feedback.words import Receipt

Piece = Receipt | str


class Generation:
    """One reply, read by a task of its own. Stopping it cancels the read, which closes the connection upstream."""

    def __init__(self, source: AsyncGenerator[Piece, None]) -> None:
        self.stopped = False
        self.left = False  # the page has moved on to another conversation: nothing more may be shown
        self._arrived: asyncio.Queue[Piece | None] = asyncio.Queue()
        self._reader = asyncio.create_task(self._read(source))
        self.done = asyncio.Event()

    def stop(self, leave: bool = False) -> None:
        self.left = self.left or leave
        if self.stopped:
            return  # a second cancellation would break off the first one's closing of the connection
        self.stopped = True
        self._reader.cancel()
        self._arrived.put_nowait(None)  # a reader that never began says nothing itself

    async def batches(self) -> AsyncIterator[list[Piece]]:
        """Lists of what arrived since the last look, in order and never empty, until the reply ends or is stopped.

        A page that is slower than the model so shows larger steps instead of falling behind. Raises what the
        source raised, after everything that came before it.
        """
        over = False
        while not over:
            batch = [await self._arrived.get()]
            while not self._arrived.empty():
                batch.append(self._arrived.get_nowait())
            over = None in batch
            pieces = [piece for piece in batch if piece is not None]
            if pieces and not self.left:
                yield pieces
        if not self.stopped:
            await self._reader

    async def close(self) -> None:
        """Returns when the reading is over and its connection closed."""
        try:
            if not self._reader.done():
                self.stop()
            await asyncio.wait({self._reader})
            if not self._reader.cancelled():
                self._reader.exception()  # `batches` has raised it already, or nobody is left to tell
        finally:
            self.done.set()

    async def _read(self, source: AsyncGenerator[Piece, None]) -> None:
        try:
            async for piece in source:
                self._arrived.put_nowait(piece)
        finally:
            self._arrived.put_nowait(None)
            await source.aclose()


class Generations:
    """The replies being made, by page. A page makes one at a time."""

    def __init__(self) -> None:
        self._by_page: dict[str, Generation] = {}
        self._expected: dict[str, bool] = {}  # asked for and not begun yet -> already stopped again

    def expect(self, page_id: str) -> None:
        """A reply is about to be started, so that a stop from now on is meant for it."""
        self._expected[page_id] = False

    def running(self, page_id: str) -> bool:
        return page_id in self._by_page

    @asynccontextmanager
    async def start(self, page_id: str, source: AsyncGenerator[Piece, None]) -> AsyncIterator[Generation]:
        """The page's generation for as long as the block lasts; leaving it in any way ends the reading."""
        generation = self._by_page[page_id] = Generation(source)
        if self._expected.pop(page_id, False):
            generation.stop()
        try:
            yield generation
        finally:
            try:
                await generation.close()
            finally:
                del self._by_page[page_id]

    def stop(self, page_id: str) -> None:
        """What has arrived stays on the page."""
        if page_id in self._by_page:
            self._by_page[page_id].stop()
        elif page_id in self._expected:
            self._expected[page_id] = True

    async def leave(self, page_id: str) -> None:
        """Returns when the page's generation, if there is one, is over and will show nothing more."""
        if page_id in self._by_page:
            generation = self._by_page[page_id]
            generation.stop(leave=True)
            await generation.done.wait()
