"""Files and directories are whole or not there."""

import errno
import hashlib
import os
from pathlib import Path

import pytest

from feedback.errors import Corrupt, NotFound, StorageFull
from feedback.manifest import (
    full_disk,
    publish,
    read_json,
    sha256_file,
    unfinished_sibling,
    verify_files,
    write_bytes,
    write_json,
)
from feedback.words import BaseModelRef

BASE = BaseModelRef(base_id="tiny", base_hash="0123456789abcdef", path="/models/tiny")


def test_a_model_comes_back_as_it_was_written(tmp_path: Path) -> None:
    write_json(tmp_path / "base.json", BASE)
    assert read_json(tmp_path / "base.json", BaseModelRef) == BASE
    assert [path.name for path in tmp_path.iterdir()] == ["base.json"]


def test_writing_again_replaces_the_whole_file(tmp_path: Path) -> None:
    write_bytes(tmp_path / "note", b"a long first version")
    write_bytes(tmp_path / "note", b"short")
    assert (tmp_path / "note").read_bytes() == b"short"


def test_a_failed_write_leaves_the_old_file_and_nothing_else(tmp_path: Path) -> None:
    (tmp_path / "taken").mkdir()
    with pytest.raises(OSError):
        write_bytes(tmp_path / "taken", b"x")
    assert [path.name for path in tmp_path.iterdir()] == ["taken"]


@pytest.mark.parametrize("text", ["", "{", "[]", "{}", '{"base_id": "tiny", "unknown": 1}'])
def test_what_is_no_such_model_is_corrupt(tmp_path: Path, text: str) -> None:
    (tmp_path / "base.json").write_text(text)
    with pytest.raises(Corrupt, match="BaseModelRef"):
        read_json(tmp_path / "base.json", BaseModelRef)


def test_a_missing_file_is_not_found(tmp_path: Path) -> None:
    for absent in (tmp_path / "no.json", tmp_path / "no" / "no.json"):
        with pytest.raises(NotFound, match=r"no\.json"):
            read_json(absent, BaseModelRef)
        with pytest.raises(NotFound, match=r"no\.json"):
            sha256_file(absent)


def test_the_hash_is_sha256(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"x" * 3_000_000)
    assert sha256_file(tmp_path / "file") == hashlib.sha256(b"x" * 3_000_000).hexdigest()


def test_a_directory_appears_whole_and_once(tmp_path: Path) -> None:
    for attempt in ("first", "second"):
        temporary = unfinished_sibling(tmp_path / "made")
        assert temporary.parent == tmp_path
        assert temporary.name.startswith(".made.")
        write_bytes(temporary / "who", attempt.encode())
        if attempt == "first":
            assert not (tmp_path / "made").exists()
            publish(temporary, tmp_path / "made")
    with pytest.raises(OSError):
        publish(temporary, tmp_path / "made")
    assert (tmp_path / "made" / "who").read_text() == "first"


def test_files_that_are_not_what_the_manifest_says(tmp_path: Path) -> None:
    (tmp_path / "a").write_text("a")
    good = {"a": sha256_file(tmp_path / "a")}
    verify_files(tmp_path, good)
    for wrong in ({"a": "0" * 64}, {**good, "b": "0" * 64}, {"../a": good["a"]}):
        with pytest.raises(Corrupt):
            verify_files(tmp_path, wrong)


@pytest.mark.parametrize(
    ("failed", "full"),
    [
        (OSError(errno.ENOSPC, os.strerror(errno.ENOSPC)), True),
        (OSError(errno.EDQUOT, os.strerror(errno.EDQUOT)), True),
        (OSError(errno.EACCES, os.strerror(errno.EACCES)), False),
        (ValueError("no"), False),
    ],
)
def test_a_full_disk_is_told_from_other_failures(failed: Exception, full: bool) -> None:
    assert isinstance(full_disk(failed), StorageFull) is full
