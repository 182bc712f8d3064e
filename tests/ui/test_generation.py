"""Replies in the making: read in order, stopped at once, one for each page."""

import asyncio

import pytest

from feedback.errors import UpstreamFailed
from ui.generation import Generations


class Source:
    """Pieces with a gate before each but the first; knows whether it was closed."""

    def __init__(self, *pieces, error=None, closing_s=0.0):
        self.pieces = pieces
        self.error = error
        self.closing_s = closing_s
        self.gate = asyncio.Semaphore(0)
        self.closed = False

    async def read(self):
        try:
            for index, piece in enumerate(self.pieces):
                if index:
                    await self.gate.acquire()
                yield piece
            if self.error:
                raise self.error
        finally:
            await asyncio.sleep(self.closing_s)
            self.closed = True


def test_what_arrives_between_two_looks_comes_together():
    async def scenario():
        source, generations = Source("a", "b", "c"), Generations()
        async with generations.start("page", source.read()) as generation:
            batches = generation.batches()
            first = await anext(batches)
            source.gate.release()
            source.gate.release()
            await asyncio.sleep(0.01)
            return first, [batch async for batch in batches], source.closed, generations.running("page")

    assert asyncio.run(scenario()) == (["a"], [["b", "c"]], True, True)


def test_stopping_keeps_what_came_and_closes_the_source():
    async def scenario():
        source, generations = Source("a", "never"), Generations()
        async with generations.start("page", source.read()) as generation:
            said = []
            async for batch in generation.batches():
                said += batch
                generations.stop("page")
        return said, generation.stopped, generation.left, source.closed, generations.running("page")

    assert asyncio.run(scenario()) == (["a"], True, False, True, False)


def test_leaving_waits_until_nothing_more_can_be_shown():
    async def scenario():
        source, generations = Source("a", "never"), Generations()
        shown = []

        async def show():
            async with generations.start("page", source.read()) as generation:
                async for batch in generation.batches():
                    shown.extend(batch)
                shown.append("left" if generation.left else "ended")

        showing = asyncio.create_task(show())
        await asyncio.sleep(0.01)
        await generations.leave("page")
        over = source.closed, generations.running("page")
        await showing
        return shown, over

    assert asyncio.run(scenario()) == (["a", "left"], (True, False))


def test_an_error_comes_after_what_came_before_it():
    async def scenario():
        source, generations = Source("a", error=UpstreamFailed("the engine died")), Generations()
        async with generations.start("page", source.read()) as generation:
            batches = generation.batches()
            said = await anext(batches)
            with pytest.raises(UpstreamFailed):
                await anext(batches)
        return said

    assert asyncio.run(scenario()) == ["a"]


def test_a_page_that_goes_away_closes_its_source():
    async def scenario():
        source, generations = Source("a", "never"), Generations()

        async def shown():
            async with generations.start("page", source.read()) as generation:
                async for batch in generation.batches():
                    yield batch

        page = shown()
        await anext(page)
        await page.aclose()
        return source.closed, generations.running("page")

    assert asyncio.run(scenario()) == (True, False)


def test_pages_do_not_stop_each_other():
    async def scenario():
        one, other, generations = Source("a", "b"), Source("c", "never"), Generations()
        async with generations.start("one", one.read()) as first, generations.start("other", other.read()):
            generations.stop("other")
            await generations.leave("nobody")
            one.gate.release()
            return [piece async for batch in first.batches() for piece in batch]

    assert asyncio.run(scenario()) == ["a", "b"]


def test_a_stop_between_asking_and_starting_is_meant_for_the_reply_to_come():
    async def scenario():
        source, generations = Source("a", "b"), Generations()
        generations.expect("page")
        generations.stop("page")
        async with generations.start("page", source.read()) as generation:
            said = [batch async for batch in generation.batches()]
        return said, generation.stopped

    assert asyncio.run(scenario()) == ([], True)


def test_a_stop_with_nothing_under_way_is_not_meant_for_the_next_reply():
    async def scenario():
        source, generations = Source("a"), Generations()
        generations.stop("page")
        generations.expect("page")
        async with generations.start("page", source.read()) as generation:
            return [batch async for batch in generation.batches()]

    assert asyncio.run(scenario()) == [["a"]]


def test_a_source_that_takes_its_time_to_close_is_waited_for():
    async def scenario():
        source, generations = Source("a", "never", closing_s=0.05), Generations()
        async with generations.start("page", source.read()) as generation:
            async for _ in generation.batches():
                generations.stop("page")
                generations.stop("page")
        return source.closed

    assert asyncio.run(scenario())
