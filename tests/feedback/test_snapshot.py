"""A snapshot is the store at one moment, whole, verified and without secrets."""

import shutil
from pathlib import Path

import pytest

from feedback.access import ApiKey
from feedback.errors import Conflict, Corrupt, Invalid, NotFound
from feedback.snapshot import MANIFEST_NAME, read_snapshot
from feedback.store import Store
from feedback.words import AccessRole
from tests.feedback.example import at, conversation, exchange, thumb


@pytest.fixture
def talked(store: Store) -> Store:
    store.add_exchange(conversation(title="Bells"), exchange(), [thumb("f1", reasons=("kind",))]).result()
    store.add_exchange(conversation("c0", "bob"), exchange("b", "c0")).result()
    secret = ApiKey(key_id="k", user_id="ann", role=AccessRole.USER, key_hash="5ec4e7" * 10, created_at=at(0))
    store.add_key(secret).result()
    return store


def test_it_comes_back_as_the_store_has_it(talked: Store, tmp_path: Path) -> None:
    manifest = talked.snapshot(tmp_path / "it's here", "snap_1", at(100))
    found = read_snapshot(tmp_path / "it's here" / "snap_1")
    assert found.manifest == manifest
    assert found.conversations == (talked.conversation("c0"), talked.conversation("c1"))
    assert found.feedback == (talked.feedback("f1"),)
    assert manifest.tables == {"conversations": 2, "messages": 4, "feedback": 1}
    assert (manifest.snapshot_id, manifest.created_at) == ("snap_1", at(100))


def test_it_stays_as_it_was_and_holds_no_secret(talked: Store, tmp_path: Path) -> None:
    talked.snapshot(tmp_path, "snap_1", at(100))
    before = read_snapshot(tmp_path / "snap_1")
    talked.add_feedback(thumb("f2", way="down")).result()
    assert read_snapshot(tmp_path / "snap_1") == before
    files = list((tmp_path / "snap_1").iterdir())
    assert {file.name for file in files} == {*before.manifest.files, MANIFEST_NAME}
    assert all(b"5ec4e7" not in file.read_bytes() for file in files)


def test_an_empty_store_has_an_empty_snapshot(store: Store, tmp_path: Path) -> None:
    store.snapshot(tmp_path, "snap_1", at(0))
    found = read_snapshot(tmp_path / "snap_1")
    assert (found.conversations, found.feedback) == ((), ())


def test_the_same_id_twice_is_a_conflict(talked: Store, tmp_path: Path) -> None:
    talked.snapshot(tmp_path, "snap_1", at(0))
    with pytest.raises(Conflict, match="snap_1"):
        talked.snapshot(tmp_path, "snap_1", at(1))
    with pytest.raises(Invalid, match="hidden"):
        talked.snapshot(tmp_path, ".hidden", at(1))


def test_a_snapshot_that_fails_leaves_nothing(talked: Store, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(OSError):
        talked.snapshot(tmp_path / "file", "snap_1", at(0))
    assert sorted(path.name for path in tmp_path.iterdir()) == ["file", "gateway"]
    assert talked.counts()["messages"] == 4


@pytest.mark.parametrize("damage", ["flip", "remove", "cut"])
@pytest.mark.parametrize("table", ["conversations", "messages", "feedback"])
def test_damage_is_noticed(talked: Store, tmp_path: Path, table: str, damage: str) -> None:
    talked.snapshot(tmp_path, "snap_1", at(0))
    path = tmp_path / "snap_1" / f"{table}.parquet"
    raw = path.read_bytes()
    path.unlink()
    if damage != "remove":
        path.write_bytes(raw[:-1] + bytes([raw[-1] ^ 1]) if damage == "flip" else raw[:-1])
    with pytest.raises(Corrupt, match=table):
        read_snapshot(tmp_path / "snap_1")


def test_without_a_manifest_there_is_no_snapshot(talked: Store, tmp_path: Path) -> None:
    talked.snapshot(tmp_path, "snap_1", at(0))
    (tmp_path / "snap_1" / MANIFEST_NAME).unlink()
    for absent in ("snap_1", "snap_2"):
        with pytest.raises(NotFound):
            read_snapshot(tmp_path / absent)


def test_a_manifest_of_another_snapshot_is_noticed(talked: Store, tmp_path: Path) -> None:
    talked.snapshot(tmp_path, "snap_1", at(0))
    talked.add_feedback(thumb("f2", way="down")).result()
    talked.snapshot(tmp_path, "snap_2", at(0))
    shutil.copy(tmp_path / "snap_1" / MANIFEST_NAME, tmp_path / "snap_2" / MANIFEST_NAME)
    with pytest.raises(Corrupt):
        read_snapshot(tmp_path / "snap_2")
