from datetime import UTC, datetime

import pytest

from evalsuite.judge import judge
from evalsuite.render import read_judgement
from feedback.dataset import Dataset
from feedback.errors import Invalid, UpstreamFailed
from feedback.words import DatasetCard, Decision
from tests.evalsuite.invented import DATASET_HASH, LONG, SHORT, ScriptedModel, good_model, pair, pairs, plain_model


def dataset(*more):
    made_at = datetime(2026, 1, 1, tzinfo=UTC)
    card = DatasetCard(dataset_hash=DATASET_HASH, snapshot_id="snap", created_at=made_at, counts={}, drops={}, files={})
    return Dataset(card=card, sft=(), pairs=(*pairs(6, 4), *more), kto=())


def quiet(line: str) -> None:
    pass


def test_a_better_candidate_is_promoted_and_the_evidence_is_there(tmp_path):
    told: list[str] = []
    verdict, path = judge(good_model(), plain_model(), dataset(pair(90, "trained", "train")), tmp_path, told.append)
    assert verdict.decision is Decision.PROMOTE
    assert path.read_text().startswith("<!doctype html>")
    assert read_judgement(tmp_path).verdict == verdict
    assert "candidate tiny--main-v0002-abcdef01: house_style 24 of 24" in told
    assert "incumbent tiny: regression 60 of 60" in told


def test_the_same_the_other_way_round_is_rejected(tmp_path):
    verdict, _ = judge(plain_model(), good_model(), dataset(), tmp_path, quiet)
    assert verdict.decision is Decision.REJECT


def test_after_a_crash_only_what_is_missing_is_asked_and_the_verdict_is_the_same(tmp_path):
    class Dying(ScriptedModel):
        def replies(self, prompts, sampling):
            if self.asked > 100:
                raise UpstreamFailed("the model died")
            return super().replies(prompts, sampling)

    whole, _ = judge(good_model(), plain_model(), dataset(), tmp_path / "whole", quiet)
    dying, good, plain = Dying(good_model().adapter_id, SHORT, likes="short"), good_model(), plain_model()
    with pytest.raises(UpstreamFailed, match="died"):
        judge(dying, plain, dataset(), tmp_path / "torn", quiet)
    assert not (tmp_path / "torn" / "report.json").exists()
    verdict, _ = judge(good, plain, dataset(), tmp_path / "torn", quiet)
    assert verdict == whole
    assert dying.asked + good.asked == plain.asked
    assert good.asked < plain.asked


def test_a_leak_is_refused_before_any_question_is_asked(tmp_path):
    candidate, incumbent = good_model(), plain_model()
    with pytest.raises(Invalid, match="1 held-out groups are also in training data \\(user-03\\)"):
        judge(candidate, incumbent, dataset(pair(91, "user-03", "train")), tmp_path, quiet)
    assert candidate.asked == incumbent.asked == 0


def test_a_candidate_is_not_judged_against_itself(tmp_path):
    twin = ScriptedModel(good_model().adapter_id, LONG, likes="long")
    with pytest.raises(Invalid, match="nothing to compare"):
        judge(good_model(), twin, dataset(), tmp_path, quiet)
