"""A person in a real browser on the real platform: what they say and judge is stored as theirs."""

import pytest

from deploy.gateway import Gateway
from feedback.words import Conversation, Feedback
from tests.ui import steps

CORRECTION = "Happy to help! Bring it in today. Shall we keep a slot for you?"


@pytest.fixture(scope="module")
def browser():
    with steps.chromium() as browser:
        yield browser


def test_chat_regenerate_judge_and_correct(platform, promoted, browser):
    with platform.operator() as operator:
        token, _ = operator.new_link("wilma", "user")
    context = browser.new_context()
    page = context.new_page()
    hosts: set[str] = set()
    page.on("request", lambda request: hosts.add(request.url.split("/")[2].split(":")[0]))
    steps.enter(page, platform.settings.ui_url, token)
    steps.wait_until_ready(page)
    steps.ask(page, "How do I fix a flat tyre?")
    first = steps.shown_receipt(page)
    steps.regenerate(page)
    second = steps.shown_receipt(page)
    steps.thumb_down(page, reasons=("Too long",))
    steps.write_better_answer(page, CORRECTION)
    page.reload()
    steps.wait_until_usable(page)
    steps.open_conversation(page, "How do I fix a flat tyre?")
    context.close()
    assert hosts <= {"127.0.0.1", ""}
    assert second != first
    with Gateway(platform.settings.gateway_url, platform.key("wilma")) as wilma:
        (listed,) = wilma.call("GET", "/v1/conversations").json()["conversations"]
        stored = wilma.conversation(Conversation.model_validate(listed).conversation_id)
        judged = about(wilma, second)
        noticed = about(wilma, first)
    assert [message.message_id for message in stored.messages if message.role == "assistant"] == [first, second]
    assert {message.adapter_id for message in stored.messages if message.role == "assistant"} == {promoted.adapter_id}
    assert {"thumb", "correction", "regenerate"} == {one.kind for one in judged}
    assert [one.correction for one in judged if one.correction] == [CORRECTION]
    assert [(one.kind, one.other_message_id) for one in noticed] == [("regenerate", second)]


def about(gateway: Gateway, message_id: str) -> list[Feedback]:
    found = gateway.call("GET", "/v1/feedback", params={"message_id": message_id}).json()["feedback"]
    return [Feedback.model_validate(one) for one in found]
