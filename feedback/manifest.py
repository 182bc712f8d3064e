"""Directories whose manifest is written last: without it they don't exist for anyone else.

A maker fills a temporary sibling (`unfinished_sibling`), writes the manifest into it, then renames it (`publish`).
A crash at any point leaves either the whole directory or one with a leading dot that nobody reads.
"""

import errno
import hashlib
import os
import secrets
from pathlib import Path
from typing import TypeVar

from pydantic import ValidationError

from feedback.errors import Corrupt, NotFound, StorageFull
from feedback.words import Word

T = TypeVar("T", bound=Word)
CHUNK_BYTES = 1 << 20
NO_ROOM = tuple(os.strerror(code) for code in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG))


def sha256_file(path: Path) -> str:
    """The file's SHA-256 in hexadecimal. NotFound when there is no such file."""
    state = hashlib.sha256()
    try:
        with path.open("rb") as file:
            while chunk := file.read(CHUNK_BYTES):
                state.update(chunk)
    except FileNotFoundError as missing:
        raise NotFound(f"there is no file {path}") from missing
    return state.hexdigest()


def write_bytes(path: Path, content: bytes) -> None:
    """The file holds exactly these bytes, durably; a reader sees the old file or the new one, never a part.

    StorageFull when the disk is full; the old file is there then.
    """
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    try:
        with temporary.open("xb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    except OSError as failed:
        if full := full_disk(failed):
            raise full from failed
        raise
    finally:
        temporary.unlink(missing_ok=True)
    sync(path.parent)


def write_json(path: Path, model: Word) -> None:
    """The file holds the model as indented JSON that ends in a newline, durably and whole."""
    write_bytes(path, model.model_dump_json(indent=2).encode() + b"\n")


def read_json(path: Path, kind: type[T]) -> T:
    """The model in the file. NotFound when there is no file, Corrupt when it doesn't hold one of this kind."""
    try:
        raw = path.read_bytes()
    except (FileNotFoundError, NotADirectoryError) as missing:
        raise NotFound(f"there is no {path}: its directory is unfinished or was never made") from missing
    try:
        return kind.model_validate_json(raw)
    except ValidationError as wrong:
        raise Corrupt(f"{path} is no {kind.__name__}: {wrong}; make its directory anew") from wrong


def full_disk(failed: Exception) -> StorageFull | None:
    """What to tell when the failure, whoever raised it, is a full disk; None when it is anything else."""
    if not any(reason in str(failed) for reason in NO_ROOM):
        return None
    return StorageFull(f"the disk is full and nothing of this write was kept: {failed}; make room and try again")


def sync(path: Path) -> None:
    """What the file holds, or which names the directory holds, is on the disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def unfinished_sibling(final: Path) -> Path:
    """A new empty directory beside `final`, with a leading dot, to be filled and then published."""
    temporary = final.with_name(f".{final.name}.{secrets.token_hex(4)}")
    temporary.mkdir(parents=True)
    return temporary


def publish(temporary: Path, final: Path) -> None:
    """The directory is at `final`, durably. Its files must be synced already (as `write_bytes` does).

    FileExistsError or OSError when something that isn't an empty directory is there already.
    """
    sync(temporary)
    temporary.rename(final)
    sync(final.parent)


def verify_files(directory: Path, files: dict[str, str]) -> None:
    """Every named file in the directory has the SHA-256 that its manifest gives; Corrupt otherwise."""
    for name, expected in files.items():
        if Path(name).name != name:
            raise Corrupt(f"the manifest of {directory} names '{name}', which is no plain file name")
        try:
            found = sha256_file(directory / name)
        except NotFound as missing:
            raise Corrupt(f"{directory / name} is missing; make the directory anew") from missing
        if found != expected:
            raise Corrupt(f"{directory / name} has SHA-256 {found}, its manifest says {expected}; make it anew")
