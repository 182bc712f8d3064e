"""One whole turn of the loop on real vLLM, DuckDB and TRL. The files of this folder run in the order of their names:
what one leaves live the next finds."""

import json

import openai
import pytest

from deploy.cycle import STAGES, Cycles, made
from deploy.gateway import Gateway
from evalsuite.report import Judgement
from feedback.manifest import read_json
from feedback.words import Adapter, DatasetCard, Decision, Promotion, RunManifest, Verdict


def test_the_page_and_the_api_are_up(platform):
    shown = platform.ratchet("status").stdout
    for process in ("gateway", "ui", "vllm"):
        assert process in shown
    assert "ready" in shown


def test_what_customers_did_is_stored(platform, visited):
    with platform.operator() as operator:
        counts = operator.status()["counts"]
    assert counts["conversations"] >= visited["conversations"] == 112
    # each second opinion is a regeneration, which the gateway notices by itself
    assert counts["feedback"] == visited["thumb"] + visited["correction"] + 2 * visited["comparison"]


def test_a_cycle_leaves_every_stage_behind(platform, turned):
    assert list(turned.done) == list(STAGES)
    card = made(turned, "dataset", DatasetCard)
    assert card.counts["sft"]["train"] > 40
    assert card.counts["pairs"]["test"] > 10
    run = made(turned, "run", RunManifest)
    assert [stage.stage for stage in run.stages] == ["sft", "dpo"]
    assert made(turned, "candidate", Adapter).content_hash == run.adapter_hash


def test_the_decision_is_the_verdicts(turned):
    verdict, promotion = made(turned, "verdict", Verdict), made(turned, "promotion", Promotion)
    assert verdict.decision in (Decision.PROMOTE, Decision.REJECT)
    assert promotion.action == ("promote" if verdict.decision is Decision.PROMOTE else "reject")
    assert verdict.reasons


def test_the_report_names_the_same_evidence(turned):
    judgement = read_json(turned.directory / "report" / "report.json", Judgement)
    assert judgement.verdict == made(turned, "verdict", Verdict)
    assert {score.kind for score in judgement.candidate.suites} == {"preferences", "taste", "instructions"}
    page = (turned.directory / "report" / "report.html").read_text()
    assert judgement.verdict.candidate_id in page


def test_no_held_out_user_is_in_train(platform, dataset_dir):
    rows = [json.loads(row) for name in ("sft", "pairs", "kto") for row in (dataset_dir / f"{name}.jsonl").open()]
    train = {row["user_id"] for row in rows if row["split"] == "train"}
    test = {row["user_id"] for row in rows if row["split"] == "test"}
    assert train
    assert test
    assert not train & test


def test_cycles_are_listed_and_shown(platform, turned):
    assert turned.start.cycle_id in platform.ratchet("cycle", "list").stdout
    assert "verdict" in platform.ratchet("cycle", "show").stdout


def test_a_recipe_with_an_unknown_key_is_refused_before_anything_runs(platform, tmp_path):
    recipe = tmp_path / "odd.toml"
    recipe.write_text('[[stages]]\nstage = "sft"\nlearning_rate = 1\n')
    before = len(Cycles(platform.settings.home).list())
    refused = platform.ratchet("cycle", "run", "--recipe", str(recipe), check=False)
    assert refused.returncode == 2
    assert "learning_rate" in refused.stderr
    assert len(Cycles(platform.settings.home).list()) == before


def test_the_openai_client_streams_lists_models_and_reads_the_receipt(platform, promoted):
    key = platform.key("nadia")
    client = platform.client(key)
    assert [model.id for model in client.models.list()] == [platform.line]
    raw = client.chat.completions.with_raw_response.create(
        model=platform.line, messages=[{"role": "user", "content": "Hello"}], max_tokens=12, stream=True
    )
    chunks = list(raw.parse())
    assert raw.headers["x-ratchet-adapter"] == promoted.adapter_id
    assert {chunk.id for chunk in chunks} == {raw.headers["x-ratchet-message-id"]}
    with Gateway(platform.settings.gateway_url, key) as nadia:
        stored = nadia.conversation(raw.headers["x-ratchet-conversation-id"])
    said = "".join(chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices)
    assert stored.messages[-1].content == said
    assert stored.messages[-1].adapter_id == promoted.adapter_id


@pytest.mark.parametrize(
    ("body", "status", "names"),
    [
        ({"model": "gpt-9"}, 404, "gpt-9"),
        ({"messages": []}, 400, "messages"),
        ({"messages": [{"role": "wizard", "content": "hi"}]}, 400, "wizard"),
        ({"messages": [{"role": "user", "content": "word " * 5000}]}, 400, "context"),
    ],
)
def test_bad_chats_get_openais_errors(platform, promoted, body, status, names):
    client = platform.client(platform.key("nadia"))
    asked = {"model": platform.line, "messages": [{"role": "user", "content": "hi"}]} | body
    with pytest.raises(openai.APIStatusError) as refused:
        client.chat.completions.create(**asked)
    assert refused.value.status_code == status
    assert names in str(refused.value)


def test_peft_loads_the_live_adapter_and_says_the_same(platform, promoted):
    import torch
    from peft import PeftModel
    from transformers import AutoModelForCausalLM, AutoTokenizer

    base = AutoModelForCausalLM.from_pretrained(platform.settings.base_model, dtype=torch.float32)
    tokenizer = AutoTokenizer.from_pretrained(platform.settings.base_model)
    directory = platform.settings.home / "adapters" / promoted.adapter_id
    model = PeftModel.from_pretrained(base, str(directory)).eval()
    turns = [{"role": "user", "content": "My bike squeaks when I brake."}]
    prompt = tokenizer.apply_chat_template(turns, add_generation_prompt=True, return_tensors="pt", return_dict=True)
    with torch.no_grad():
        tokens = model.generate(**prompt, max_new_tokens=24, do_sample=False)
    expected = tokenizer.decode(tokens[0, prompt["input_ids"].shape[1] :], skip_special_tokens=True)
    with platform.operator() as operator:
        body = {"model": platform.line, "messages": turns, "temperature": 0, "max_tokens": 24}
        response = operator.chat(body)
    assert response.headers["x-ratchet-adapter"] == promoted.adapter_id
    # A character cut in half at the end is shown by one as the replacement character and by the other not at all.
    assert response.json()["choices"][0]["message"]["content"].rstrip("\ufffd") == expected.rstrip("\ufffd")
    assert len(expected) > 10
