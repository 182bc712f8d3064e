"""A dataset is named by its content, whole, verified and readable by people."""

import json
import shutil
from pathlib import Path

import pytest

from feedback.curate import Curated, curate
from feedback.dataset import CARD_NAME, read_dataset, write_dataset
from feedback.errors import Corrupt, NotFound
from feedback.policy import CurationPolicy
from feedback.snapshot import Snapshot, SnapshotManifest
from feedback.words import FeedbackKind
from tests.feedback.example import at, conversation, exchange, feedback, thumb

ODD = "Naïve\u2028 🚲\r\n“quoted” \x85 text\x0b."


def curated(reply: str = ODD) -> Curated:
    question, answer = exchange()
    spoken = answer.model_copy(update={"content": reply})
    manifest = SnapshotManifest(snapshot_id="snap_1", created_at=at(0), tables={}, files={})
    events = (thumb("f1"), feedback("f2", FeedbackKind.CORRECTION, correction="Better."))
    talks = (conversation(messages=(question, spoken)),)
    return curate(Snapshot(manifest=manifest, conversations=talks, feedback=events), CurationPolicy(), "main")


def write(parent: Path, found: Curated | None = None, line: str = "main", second: float = 0) -> Path:
    return write_dataset(found or curated(), "snap_1", line, parent, at(second))


def test_it_comes_back_as_it_was_written(tmp_path: Path) -> None:
    found = read_dataset(write(tmp_path))
    expected = curated()
    assert (found.sft, found.pairs, found.kto) == (expected.sft, expected.pairs, expected.kto)
    assert found.kto[0].completion == ODD
    assert found.card.dataset_hash == write(tmp_path).name
    assert (found.card.snapshot_id, found.card.line, found.card.drops) == ("snap_1", "main", {"liked_and_corrected": 1})
    side = found.sft[0].split
    assert {kind: counts[side] for kind, counts in found.card.counts.items()} == {"sft": 1, "pairs": 1, "kto": 1}
    assert all(set(counts) == {"train", "validation", "test"} for counts in found.card.counts.values())


def test_a_line_is_an_example_that_people_can_read(tmp_path: Path) -> None:
    lines = (write(tmp_path) / "pairs.jsonl").read_bytes().rstrip(b"\n").split(b"\n")
    example = json.loads(lines[0])
    assert (len(lines), example["chosen"], example["reason"]) == (1, "Better.", "correction")
    assert "🚲" in lines[0].decode()


def test_the_same_content_is_the_same_directory_left_alone(tmp_path: Path) -> None:
    first = write(tmp_path)
    before = (first / CARD_NAME).read_bytes()
    assert write(tmp_path, second=99) == first
    assert (first / CARD_NAME).read_bytes() == before
    assert [path.name for path in tmp_path.iterdir()] == [first.name]


def test_other_content_or_another_line_is_another_directory(tmp_path: Path) -> None:
    assert len({write(tmp_path), write(tmp_path, curated("Other.")), write(tmp_path, line="shop")}) == 3


def test_the_bytes_do_not_depend_on_where_or_when(tmp_path: Path) -> None:
    here, there = write(tmp_path / "here"), write(tmp_path / "there", second=5)
    assert here.name == there.name
    for name in ("sft.jsonl", "pairs.jsonl", "kto.jsonl"):
        assert (here / name).read_bytes() == (there / name).read_bytes()


def test_an_empty_dataset_is_one_too(tmp_path: Path) -> None:
    found = read_dataset(write(tmp_path, Curated(sft=(), pairs=(), kto=(), dropped=())))
    assert (found.sft, found.pairs, found.kto, found.card.drops) == ((), (), (), {})


@pytest.mark.parametrize("name", ["sft.jsonl", "pairs.jsonl", "kto.jsonl"])
@pytest.mark.parametrize("damage", ["change", "append", "remove"])
def test_damage_is_noticed(tmp_path: Path, name: str, damage: str) -> None:
    path = write(tmp_path) / name
    raw = path.read_bytes()
    path.unlink()
    if damage != "remove":
        path.write_bytes(raw.replace(b"ann", b"bob") if damage == "change" else raw + b"{}\n")
    with pytest.raises(Corrupt, match=name):
        read_dataset(path.parent)


def test_a_card_that_does_not_fit_is_noticed(tmp_path: Path) -> None:
    one, other = write(tmp_path), write(tmp_path, line="shop")
    card = json.loads((one / CARD_NAME).read_text())
    (one / CARD_NAME).write_text(json.dumps(card | {"line": "shop"}))
    with pytest.raises(Corrupt, match=other.name):
        read_dataset(one)
    (one / CARD_NAME).write_text(json.dumps(card | {"files": {}}))
    with pytest.raises(Corrupt, match="lists"):
        read_dataset(one)


def test_without_a_card_there_is_no_dataset(tmp_path: Path) -> None:
    made = write(tmp_path)
    (made / CARD_NAME).unlink()
    for absent in (made, tmp_path / "nowhere"):
        with pytest.raises(NotFound, match=absent.name):
            read_dataset(absent)
    shutil.rmtree(made)
    assert read_dataset(write(tmp_path)).sft
