import re
import xml.etree.ElementTree as ElementTree
from html.parser import HTMLParser

import pytest

from evalsuite.evaluate import evaluate
from evalsuite.examples import choose, side_by_side
from evalsuite.gate import deliberate
from evalsuite.model import Sampling
from evalsuite.policy import load_policy
from evalsuite.render import page, read_judgement, render
from evalsuite.suite import load_suite
from feedback.errors import NotFound
from tests.evalsuite.invented import SHORT, ScriptedModel, heldout, plain_model, suite_score

HOSTILE = "</p><script>alert(1)</script><img src=x onerror=alert(2)> {{ 7 * 7 }} \u202egnitirw $x^2$ & <b>"
SUITES = [load_suite("house_style"), load_suite("regression")]


def judgement_of(reply, questions=None):
    asked = questions or heldout()
    candidate = ScriptedModel("tiny--main-v0002-abcdef01", reply, likes="short")
    ours, theirs = (evaluate(model, asked, SUITES, Sampling(), lambda *_: None) for model in (candidate, plain_model()))
    return deliberate(ours, theirs, (), load_policy(), seed=0)


@pytest.fixture(scope="module")
def judgement():
    return judgement_of(SHORT)


class Tags(HTMLParser):
    """Every tag and attribute of a page, and its text."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.names: list[str] = []
        self.attributes: list[tuple[str, str | None]] = []
        self.text = ""
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.names.append(tag)
        self.attributes += attrs

    def handle_data(self, data: str) -> None:
        self.text += data


def test_the_report_is_a_page_a_picture_and_the_whole_evidence(tmp_path, judgement):
    path = render(judgement, tmp_path / "report")
    assert path == tmp_path / "report" / "report.html"
    assert sorted(one.name for one in path.parent.iterdir()) == ["report.html", "report.json", "scores.png"]
    assert (path.parent / "scores.png").read_bytes().startswith(b"\x89PNG")
    assert read_judgement(path.parent) == judgement


def test_a_report_without_its_evidence_does_not_exist(tmp_path):
    with pytest.raises(NotFound):
        read_judgement(tmp_path)


def test_the_page_says_what_the_gate_found(judgement):
    text = Tags(page(judgement)).text
    assert "24 of 24, 0 tied, 0 lost" in text
    for sentence in judgement.verdict.reasons:
        assert sentence in text
    for measure in judgement.comparison.measures:
        assert measure.name in text
    assert judgement.verdict.report_hash in text


def test_hostile_text_is_shown_as_text():
    made = page(judgement_of(HOSTILE))
    tags = Tags(made)
    assert "script" not in tags.names
    assert "img" not in tags.names
    assert not [name for name, _ in tags.attributes if name.startswith("on")]
    assert HOSTILE in tags.text


def test_the_page_asks_nobody_for_anything(judgement):
    made = page(judgement)
    tags = Tags(made)
    links = [value for name, value in tags.attributes if name in {"src", "href", "xlink:href", "action", "data"}]
    assert all(value is not None and value.startswith("#") for value in links)
    assert "link" not in tags.names
    assert "@import" not in made
    assert re.findall(r"url\((?!#)", made) == []


def test_ids_are_unique_and_pictures_are_well_formed_in_the_pages_colours(judgement):
    made = page(judgement)
    ids = [value for name, value in Tags(made).attributes if name == "id"]
    assert len(ids) == len(set(ids))
    pictures = re.findall(r"<svg.*?</svg>", made, re.DOTALL)
    assert len(pictures) == 4
    for picture in pictures:
        ElementTree.fromstring(picture.replace("xlink:href", "href"))
        assert "var(--ink)" in picture
        assert not re.search(r"(fill|stroke): ?#", picture)


def test_the_same_judgement_gives_the_same_page(judgement):
    assert page(judgement) == page(judgement)


def test_a_judgement_of_next_to_nothing_can_still_be_shown(tmp_path):
    found = judgement_of(SHORT, heldout(1, 1))
    assert found.verdict.decision == "needs_labels"
    assert "Needs labels" in render(found, tmp_path).read_text()
    nothing = judgement_of(SHORT, heldout(0, 0))
    assert "0 items of 0 groups" in render(nothing, tmp_path).read_text()


def test_examples_are_the_largest_differences_each_way_and_the_first_by_id():
    rows = side_by_side(
        suite_score("taste", {f"p{at}": score for at, score in enumerate([0.5, 0.5, 0.5, 1.0, 0.9, 0.1, 0.2, 0.5])}),
        suite_score("taste", {f"p{at}": 0.5 for at in range(8)}),
    )
    chosen = choose(rows)
    assert [row.item_id for row in chosen.fixed] == ["p0", "p1", "p2"]
    assert [row.item_id for row in chosen.gains] == ["p3", "p4"]
    assert [row.item_id for row in chosen.losses] == ["p5", "p6"]
