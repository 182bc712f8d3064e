from pathlib import Path

import pytest

from feedback.errors import MachineTooSmall
from retrain.base import BaseShape
from retrain.machine import GIB, LIBRARIES_BYTES, BatchShape, cores, peak_bytes, require_disk, require_memory

SHAPE = BaseShape(hidden=10, layers=3, feed_forward=20, vocabulary=50, parameters=1000, matrices=())


def test_the_estimate_adds_up():
    weights, adapter, token = 4000, 7 * 4 * 4, (3 * (12 * 10 + 5 * 20) + 2 * 50) * 4
    batches = (BatchShape(sequences=8, longest=100), BatchShape(sequences=16, longest=60))
    assert peak_bytes(SHAPE, 7, 4, batches) == LIBRARIES_BYTES + weights + adapter + 16 * 60 * token


def test_half_the_bytes_a_weight():
    assert peak_bytes(SHAPE, 0, 4, ()) - peak_bytes(SHAPE, 0, 2, ()) == 2000


def test_too_little_memory_is_refused_with_both_numbers():
    require_memory(GIB, GIB)
    with pytest.raises(MachineTooSmall, match=r"3\.0 GiB .* 2\.5 GiB .* batch_size"):
        require_memory(3 * GIB, int(2.5 * GIB))


def test_too_little_disk_is_refused_with_both_numbers(tmp_path: Path):
    require_disk(0, tmp_path)
    with pytest.raises(MachineTooSmall, match=r"MiB for adapters and has \d+ MiB free"):
        require_disk(2**60, tmp_path)


def test_there_is_a_core():
    assert cores() >= 1
