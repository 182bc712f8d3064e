from collections.abc import Iterator
from pathlib import Path

import pytest

from feedback.store import Store


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    opened = Store(tmp_path / "gateway" / "ratchet.duckdb")
    yield opened
    opened.close()
