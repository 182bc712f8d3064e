"""The gateway's client over a real server that follows docs/architecture.md."""

import asyncio
from contextlib import aclosing

import httpx
import pytest

from feedback.errors import (
    Conflict,
    Invalid,
    NotFound,
    NotReady,
    RatchetError,
    StorageFull,
    TooLarge,
    Unauthenticated,
    UpstreamFailed,
)
from feedback.words import FeedbackKind, Receipt, Turn
from tests.ui.fake_gateway import ADAPTER, KEY, LINK
from ui.client import Gateway, http_client, refused
from ui.wording import Waiting

HELLO = (Turn(role="user", content="Hello"),)


def talk(url, scenario):
    """The scenario's result, with a client of the gateway at this address."""

    async def run():
        async with http_client(url) as http:
            return await scenario(Gateway(http, "main"))

    return asyncio.run(run())


def read(url, key=KEY, prompt=HELLO, conversation_id=None, pieces=None):
    async def scenario(gateway):
        async with aclosing(gateway.reply(key, prompt, conversation_id)) as reply:
            read = []
            async for piece in reply:
                read.append(piece)
                if pieces == len(read):
                    break
            return read

    return talk(url, scenario)


def test_a_reply_is_its_receipt_and_then_its_pieces(stand):
    stand.fake.replies["Hello"] = ["Good ", "morning", "."]
    receipt, *pieces = read(stand.gateway_url)
    assert pieces == ["Good ", "morning", "."]
    assert isinstance(receipt, Receipt)
    [conversation] = stand.fake.conversations.values()
    assert receipt.conversation_id == conversation.conversation_id
    assert receipt.message_id == conversation.messages[-1].message_id
    assert receipt.adapter_id == ADAPTER


def test_a_second_message_goes_on_with_the_conversation(stand):
    receipt, first = read(stand.gateway_url)
    prompt = (*HELLO, Turn(role="assistant", content=first), Turn(role="user", content="And now?"))
    again, _ = read(stand.gateway_url, prompt=prompt, conversation_id=receipt.conversation_id)
    assert again.conversation_id == receipt.conversation_id
    [conversation] = stand.fake.conversations.values()
    assert [m.role for m in conversation.messages] == ["user", "assistant", "user", "assistant"]


def test_leaving_a_reply_ends_the_generation_upstream(stand):
    stand.fake.replies["Hello"] = ["word "] * 500
    assert len(read(stand.gateway_url, pieces=3)) == 3

    async def settled():
        while not stand.fake.closed_early:
            await asyncio.sleep(0.01)

    asyncio.run(asyncio.wait_for(settled(), 20))
    assert stand.fake.closed_early == 1


def test_a_reply_that_breaks_off_is_an_upstream_failure_after_its_pieces(stand):
    stand.fake.break_off = True
    stand.fake.replies["Hello"] = ["Good "]
    seen = []

    async def scenario(gateway):
        async for piece in gateway.reply(KEY, HELLO, None):
            seen.append(piece)

    with pytest.raises(UpstreamFailed, match="the engine died"):
        talk(stand.gateway_url, scenario)
    assert seen[1:] == ["Good "]


def test_while_the_model_loads_a_reply_is_not_ready_and_says_how_long_to_wait(stand):
    stand.fake.waiting_for = [{"what": "vLLM", "for_s": 42.3, "detail": "reading weights"}]
    with pytest.raises(NotReady) as refusal:
        read(stand.gateway_url)
    assert refusal.value.retry_after_s == 1
    waiting = talk(stand.gateway_url, Gateway.waiting_for)
    assert waiting == (Waiting("vLLM", 42.3, "reading weights"),)
    stand.fake.waiting_for = []
    assert talk(stand.gateway_url, Gateway.waiting_for) == ()


def test_an_unknown_key_is_refused_everywhere(stand):
    for call in (
        lambda g: g.check("rk_x"),
        lambda g: g.conversations("rk_x"),
        lambda g: anext(g.reply("rk_x", HELLO, None)),
    ):
        with pytest.raises(Unauthenticated):
            talk(stand.gateway_url, call)


def test_a_link_gives_a_key_once(stand):
    assert talk(stand.gateway_url, lambda g: g.enter(LINK)) == KEY
    with pytest.raises(Unauthenticated, match="used already"):
        talk(stand.gateway_url, lambda g: g.enter(LINK))


def test_conversations_are_listed_and_read_back(stand):
    receipt, _ = read(stand.gateway_url)
    [listed] = talk(stand.gateway_url, lambda g: g.conversations(KEY))
    assert (listed.conversation_id, listed.title, listed.messages) == (receipt.conversation_id, "Hello", ())
    whole = talk(stand.gateway_url, lambda g: g.conversation(KEY, receipt.conversation_id))
    assert [m.content for m in whole.messages] == ["Hello", "You said: Hello"]
    with pytest.raises(NotFound, match="conv_none"):
        talk(stand.gateway_url, lambda g: g.conversation(KEY, "conv_none"))


def test_feedback_is_given_read_back_and_withdrawn(stand):
    judgement = {"kind": "thumb", "message_id": "msg_1", "thumb": "down", "reasons": ["Too long"]}
    given = talk(stand.gateway_url, lambda g: g.give_feedback(KEY, judgement))
    assert (given.kind, given.source, given.reasons) == (FeedbackKind.THUMB, "chat", ("Too long",))
    assert talk(stand.gateway_url, lambda g: g.feedback_on(KEY, "msg_1")) == (given,)
    talk(stand.gateway_url, lambda g: g.withdraw_feedback(KEY, given.feedback_id))
    history = talk(stand.gateway_url, lambda g: g.feedback_on(KEY, "msg_1"))
    assert [entry.withdrawn for entry in history] == [False, True]


def test_a_gateway_that_is_not_there_is_not_ready_and_is_what_is_waited_for():
    nowhere = "http://127.0.0.1:9"
    with pytest.raises(NotReady, match="does not answer"):
        talk(nowhere, lambda g: g.check(KEY))
    with pytest.raises(NotReady, match="does not answer"):
        read(nowhere)
    [waiting] = talk(nowhere, Gateway.waiting_for)
    assert waiting.what == "the gateway"
    assert "127.0.0.1:9" in waiting.detail


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (400, Invalid),
        (401, Unauthenticated),
        (404, NotFound),
        (409, Conflict),
        (413, TooLarge),
        (422, Invalid),
        (429, NotReady),
        (502, UpstreamFailed),
        (503, NotReady),
        (507, StorageFull),
        (418, RatchetError),
    ],
)
def test_each_status_is_an_error_of_the_family_with_the_servers_words(status, kind):
    error = refused(status, "the server's words", httpx.Headers())
    assert type(error) is kind
    assert str(error) == "the server's words"


@pytest.mark.parametrize(("header", "seconds"), [("7", 7), ("soon", 5), ("", 5)])
def test_retry_after_is_kept_when_it_is_a_number(header, seconds):
    error = refused(503, "loading", httpx.Headers({"Retry-After": header}))
    assert isinstance(error, NotReady)
    assert error.retry_after_s == seconds
