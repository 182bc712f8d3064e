"""The sentences people read."""

import pytest

from feedback.errors import Invalid, NotFound, NotReady, RatchetError, StorageFull, Unauthenticated, UpstreamFailed
from ui.wording import Waiting, answered_by, notice, plain, refusal, status_line, titled

LOADING = (Waiting("vLLM", 42.3, "reading weights"),)


@pytest.mark.parametrize(
    ("error", "waiting", "sent_again", "expected"),
    [
        (
            NotReady("x"),
            LOADING,
            True,
            "The model is still loading (vLLM, 42 s so far). "
            "Your message is kept; it will be sent again automatically.",
        ),
        (NotReady("x"), (), False, "The model is busy. Your message is kept; send it again in a moment."),
        (
            Invalid("the message has 40,000 characters; the limit is 32,000."),
            (),
            False,
            "That wasn't accepted: the message has 40,000 characters; the limit is 32,000. "
            "Your message is back in the box.",
        ),
    ],
)
def test_a_refusal_says_why_and_what_becomes_of_the_message(error, waiting, sent_again, expected):
    assert refusal(error, waiting, sent_again) == expected


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (Unauthenticated("no key"), "signed out"),
        (UpstreamFailed("engine"), "broke off"),
        (StorageFull("no room"), "disk is full"),
        (NotFound("gone"), "isn't there"),
        (NotReady("starting"), "in a moment"),
        (RatchetError("odd thing."), "Something went wrong: odd thing."),
    ],
)
def test_every_error_is_one_plain_sentence(error, words):
    assert words in plain(error)


def test_status_is_ready_or_names_what_is_waited_for():
    assert "Ready" in status_line(())
    line = status_line((*LOADING, Waiting("adapter <main>")))
    assert "Loading: vLLM, 42 s so far; adapter &lt;main&gt;" in line
    assert 'title="reading weights"' in line


@pytest.mark.parametrize(
    ("adapter_id", "words"),
    [
        ("smollm2-135m--main-v0003-ab12cd34", "Answered by main v3<"),
        ("smollm2-135m", "Answered by smollm2-135m, as it came<"),
        ('x"><script>', "x&quot;&gt;&lt;script&gt;"),
    ],
)
def test_the_receipt_names_the_adapter(adapter_id, words):
    assert words in answered_by(adapter_id, "msg_1")


def test_nothing_to_say_is_empty():
    assert answered_by(None, None) == ""
    assert notice("") == ""


def test_a_notice_is_text_and_leads_to_the_door_when_signed_out():
    assert "&lt;b&gt;" in notice("<b>")
    assert 'href="/sign-in"' in notice(plain(Unauthenticated("no key")))
    assert "href" not in notice(plain(UpstreamFailed("engine")))


@pytest.mark.parametrize(
    ("title", "expected"),
    [("", "Untitled"), (" a\n b ", "a b"), ("x" * 60, "x" * 60), ("x" * 61, "x" * 59 + "…")],
)
def test_a_title_is_one_short_line(title, expected):
    assert titled(title) == expected
