"""One fake gateway and one page over it for the whole folder: importing Gradio takes ten seconds."""

from collections.abc import Iterator
from dataclasses import dataclass

import pytest
from playwright.sync_api import Browser

from tests.ui.fake_gateway import FakeGateway, app_over, serving
from tests.ui.steps import chromium
from ui.app import create_app
from ui.settings import Settings


@dataclass(frozen=True)
class Stand:
    """Where the fake gateway and the page over it are served."""

    fake: FakeGateway
    gateway_url: str
    page_url: str


@pytest.fixture(scope="session")
def standing() -> Iterator[Stand]:
    fake = FakeGateway()
    with serving(app_over(fake)) as gateway_url, serving(create_app(Settings(gateway_url=gateway_url))) as page_url:
        yield Stand(fake, gateway_url, page_url)


@pytest.fixture
def stand(standing: Stand) -> Stand:
    """The same servers with a gateway that remembers nothing."""
    standing.fake.__init__()  # type: ignore[misc]
    return standing


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """For one module and no longer: while Playwright runs, its event loop keeps asyncio.run from this thread."""
    with chromium() as browser:
        yield browser
