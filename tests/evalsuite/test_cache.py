import pytest

from evalsuite.cache import CACHE_NAME, CachedModel, ReplyCache
from evalsuite.model import Sampling
from feedback.errors import Corrupt, UpstreamFailed
from tests.evalsuite.invented import ScriptedModel, good_model, plain_model, prompt

PROMPTS = [prompt("One?"), prompt("Two?"), prompt("One?")]


def test_what_is_known_is_not_asked_again_even_after_a_restart(tmp_path):
    model = good_model()
    with ReplyCache(tmp_path) as cache:
        first = CachedModel(model, cache).replies(PROMPTS, Sampling())
        CachedModel(model, cache).log_likelihoods([(PROMPTS[0], "Yes."), (PROMPTS[1], "No.")])
    assert model.asked == 4
    with ReplyCache(tmp_path) as cache:
        cached = CachedModel(model, cache)
        assert cached.replies(PROMPTS, Sampling()) == first
        likelihoods = cached.log_likelihoods([(PROMPTS[1], "No."), (PROMPTS[0], "Yes.")])
    assert model.asked == 4
    assert likelihoods == model.log_likelihoods([(PROMPTS[1], "No."), (PROMPTS[0], "Yes.")])


def test_another_adapter_prompt_or_sampling_is_another_question(tmp_path):
    good, plain = good_model(), plain_model()
    with ReplyCache(tmp_path) as cache:
        one = CachedModel(good, cache).replies(PROMPTS[:1], Sampling())
        other = CachedModel(plain, cache).replies(PROMPTS[:1], Sampling())
        CachedModel(good, cache).replies(PROMPTS[:1], Sampling(seed=1))
        CachedModel(good, cache).replies(PROMPTS[:1], Sampling(max_tokens=5))
        CachedModel(good, cache).replies(PROMPTS[1:2], Sampling())
        assert len(cache) == 5
    assert one != other


def test_a_torn_last_line_is_dropped_and_the_rest_is_kept(tmp_path):
    model = good_model()
    with ReplyCache(tmp_path) as cache:
        CachedModel(model, cache).replies(PROMPTS, Sampling())
    path = tmp_path / CACHE_NAME
    path.write_bytes(path.read_bytes()[:-9])
    with ReplyCache(tmp_path) as cache:
        assert len(cache) == 1
        CachedModel(model, cache).replies(PROMPTS, Sampling())
    with ReplyCache(tmp_path) as cache:
        assert len(cache) == 2
    assert model.asked == 3


def test_a_wrong_line_in_the_middle_is_corrupt_and_named(tmp_path):
    (tmp_path / CACHE_NAME).write_text('{"key": "a", "reply": "Yes."}\nnonsense\n{"key": "b", "reply": "No."}\n')
    with pytest.raises(Corrupt, match="line 2"):
        ReplyCache(tmp_path)


def test_text_of_any_kind_comes_back_as_it_was(tmp_path):
    model = ScriptedModel("tiny", 'line\nbreak\r\u2028 "quoted" \\ \x00 🚲', likes="short")
    with ReplyCache(tmp_path) as cache:
        said = CachedModel(model, cache).replies(PROMPTS[:1], Sampling())
    with ReplyCache(tmp_path) as cache:
        assert CachedModel(model, cache).replies(PROMPTS[:1], Sampling()) == said
    assert model.asked == 1


def test_too_few_answers_are_never_kept_under_the_wrong_question(tmp_path):
    class Forgetful(ScriptedModel):
        def replies(self, prompts, sampling):
            return super().replies(prompts, sampling)[1:]

    with ReplyCache(tmp_path) as cache:
        with pytest.raises(UpstreamFailed, match="asked for 2 replies and gave 1"):
            CachedModel(Forgetful("tiny", "Yes.", likes="short"), cache).replies(PROMPTS, Sampling())
        assert len(cache) == 0
