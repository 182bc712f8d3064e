"""The policy in the repository is the default one, and a wrong one is refused by name."""

from pathlib import Path

import pytest

from feedback.errors import Invalid, NotFound
from feedback.policy import CurationPolicy, load_policy


def test_the_file_beside_the_package_says_what_the_defaults_are() -> None:
    assert load_policy() == CurationPolicy()


def test_a_table_changes_what_it_names(tmp_path: Path) -> None:
    (tmp_path / "mine.toml").write_text("min_stars = 5")
    assert load_policy(tmp_path / "mine.toml") == CurationPolicy(min_stars=5)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("min_star = 4", "min_star: .*did you mean 'min_stars'"),
        ("max_chars = 0", "max_chars"),
        ("min_stars = 'many'", "min_stars"),
        ("near_duplicate = 0", "near_duplicate"),
        ("test_share = 0.6\nvalidation_share = 0.4", "leave some for training"),
        ("low_stars = 4", "low_stars is 4"),
        ("min_stars =", "no TOML"),
    ],
)
def test_a_wrong_table_is_refused(tmp_path: Path, text: str, said: str) -> None:
    (tmp_path / "mine.toml").write_text(text)
    with pytest.raises(Invalid, match=rf"mine\.toml.*{said}"):
        load_policy(tmp_path / "mine.toml")


def test_a_missing_file_is_not_found(tmp_path: Path) -> None:
    with pytest.raises(NotFound, match=r"mine\.toml"):
        load_policy(tmp_path / "mine.toml")
