"""The page in a real browser, over a gateway whose replies the test chooses."""

import time
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import expect

from feedback.words import FeedbackKind
from tests.ui import steps
from tests.ui.fake_gateway import KEY, LINK

HOSTILE = (
    "<script>window.ran = 1</script> <img src=x onerror='window.ran = 2'> "
    "<iframe srcdoc='<script>parent.ran = 3</script>'></iframe> "
    "[a link](javascript:window.ran=4) ![pixel](https://elsewhere.example/pixel.png)"
)


@pytest.fixture
def page(stand, browser):
    """A signed-in page; by its end nothing was asked of any other machine that the page's policy didn't stop."""
    context = browser.new_context(viewport={"width": 1280, "height": 800})
    page = context.new_page()
    page.set_default_timeout(steps.PATIENCE_MS)
    requests = []
    page.on("request", lambda request: requests.append(request))
    steps.enter(page, stand.page_url, LINK)
    steps.wait_until_ready(page)
    yield page
    outside = [r for r in requests if urlsplit(r.url).hostname not in ("127.0.0.1", None)]
    assert [r.url for r in outside if r.failure != "csp"] == []
    context.close()


def until(condition, timeout_s=20.0):
    deadline = time.monotonic() + timeout_s
    while not condition():
        assert time.monotonic() < deadline, "it didn't happen in time"
        time.sleep(0.02)


def test_a_message_is_answered_word_by_word_with_its_receipt(page, stand):
    stand.fake.replies["Good morning"] = ["It ", "is ", "a ", "**fine** ", "morning."]
    stand.fake.held = True
    steps.send(page, "  Good morning ")
    expect(steps.replies(page).last).to_have_text("It", timeout=steps.PATIENCE_MS)
    stand.fake.held = False
    assert steps.wait_for_reply(page) == "It is a fine morning."
    expect(page.locator(".receipt")).to_have_text("Answered by main v3")
    expect(page.locator("#history label.selected")).to_have_text("Good morning")
    assert stand.fake.prompts == [[{"role": "user", "content": "Good morning"}]]


def test_empty_input_does_nothing(page, stand):
    steps.send(page, "   ")
    steps.box(page).fill("Hello")
    until(lambda: steps.box(page).press("Enter") or stand.fake.prompts)  # the page may still be busy with the blank
    steps.wait_for_reply(page)
    assert [prompt[-1]["content"] for prompt in stand.fake.prompts] == ["Hello"]


def test_the_next_message_carries_the_conversation(page, stand):
    steps.ask(page, "One")
    steps.ask(page, "Two")
    assert [turn["content"] for turn in stand.fake.prompts[1]] == ["One", "You said: One", "Two"]
    assert len(stand.fake.conversations) == 1


def test_stop_ends_the_generation_and_keeps_what_came(page, stand):
    stand.fake.replies["Tell me everything"] = [f"word{n} " for n in range(2000)]
    steps.send(page, "Tell me everything")
    expect(steps.replies(page).last).to_contain_text("word2")
    steps.stop(page)
    until(lambda: stand.fake.closed_early == 1)
    kept = steps.replies(page).last.inner_text()
    assert "word1999" not in kept
    assert kept.startswith("word0")
    assert steps.ask(page, "Go on") == "You said: Go on"


def test_stopping_before_the_first_word_gives_the_message_back(page, stand):
    stand.fake.pause_s = 30
    steps.send(page, "Hold on")
    until(lambda: stand.fake.prompts)
    steps.stop(page)
    expect(steps.box(page)).to_have_value("Hold on")
    expect(steps.replies(page)).to_have_count(0)
    until(lambda: stand.fake.closed_early == 1)


def test_a_closed_page_ends_its_generation(page, stand):
    stand.fake.replies["Forever"] = ["on and "] * 5000
    steps.send(page, "Forever")
    expect(steps.replies(page).last).to_contain_text("on and")
    page.close()
    until(lambda: stand.fake.closed_early == 1)


def test_another_conversation_is_not_written_into(page, stand):
    steps.ask(page, "First")
    stand.fake.replies["Second"] = ["much "] * 5000
    steps.send(page, "Second")
    expect(steps.replies(page).last).to_contain_text("much")
    steps.new_chat(page)
    until(lambda: stand.fake.closed_early == 1)
    assert steps.ask(page, "Third") == "You said: Third"
    expect(steps.replies(page)).to_have_count(1)
    assert len(stand.fake.conversations) == 2


def test_regenerate_asks_the_same_again_and_shows_the_new_reply(page, stand):
    stand.fake.replies["A joke, please"] = ["First joke"]
    steps.ask(page, "A joke, please")
    stand.fake.replies["A joke, please"] = ["Second joke"]
    assert steps.regenerate(page) == "Second joke"
    expect(steps.replies(page)).to_have_text(["Second joke"])
    assert stand.fake.prompts[0] == stand.fake.prompts[1]
    [conversation] = stand.fake.conversations.values()
    assert [m.content for m in conversation.messages] == ["A joke, please", "First joke", "Second joke"]


def test_an_edited_message_starts_a_branch(page, stand):
    steps.ask(page, "One")
    steps.ask(page, "Is 2 <b> 3?")
    assert steps.edit_last_prompt(page, "Is 3 > 2?") == "You said: Is 3 > 2?"
    assert [turn["content"] for turn in stand.fake.prompts[2]] == ["One", "You said: One", "Is 3 > 2?"]
    expect(steps.prompts(page)).to_have_count(2)


def test_a_thumb_up_is_stored_and_a_second_click_takes_it_back(page, stand):
    steps.ask(page, "Hello")
    steps.thumb_up(page)
    [given] = stand.fake.feedback
    [conversation] = stand.fake.conversations.values()
    assert (given.kind, given.thumb, given.source) == (FeedbackKind.THUMB, "up", "chat")
    assert given.message_id == conversation.messages[-1].message_id
    page.locator("#chat button[title='Liked']").click()
    until(lambda: len(stand.fake.feedback) == 2)
    assert stand.fake.feedback[1].withdrawn
    assert stand.fake.feedback[1].supersedes == given.feedback_id


def test_a_thumb_down_is_stored_at_once_and_its_reasons_amend_it(page, stand):
    steps.ask(page, "Hello")
    steps.thumb_down(page, reasons=("Too long", "Unfriendly"), comment="Gruff.")
    first, second = stand.fake.feedback
    assert (first.thumb, first.reasons) == ("down", ())
    assert (second.thumb, set(second.reasons), second.comment) == ("down", {"Too long", "Unfriendly"}, "Gruff.")
    assert second.supersedes == first.feedback_id


def test_reasons_chosen_for_one_reply_are_not_given_for_another(page, stand):
    steps.ask(page, "One")
    steps.ask(page, "Two")
    page.locator("#chat button[title='Dislike']").first.click()
    page.locator("#reasons").get_by_text("Wrong", exact=True).click()
    page.locator("#close-why").click()
    expect(page.locator("#why")).to_be_hidden()
    steps.thumb_down(page, reasons=("Too long",))
    until(lambda: len(stand.fake.feedback) == 3)
    assert [given.reasons for given in stand.fake.feedback] == [(), (), ("Too long",)]


def test_a_better_answer_starts_from_the_reply_and_is_stored(page, stand):
    steps.ask(page, "Hello")
    assert steps.write_better_answer(page, "Good day! How can I help?") == "You said: Hello"
    [given] = stand.fake.feedback
    assert (given.kind, given.correction) == (FeedbackKind.CORRECTION, "Good day! How can I help?")


def test_a_better_answer_can_follow_a_thumb_down(page, stand):
    steps.ask(page, "Hello")
    steps.thumb_down(page)
    page.locator("#better-instead").click()
    page.locator("#send-better").click()
    steps.wait_for_toast(page, "Change the answer first")
    page.locator("#correction textarea").fill("Good day!")
    page.locator("#send-better").click()
    expect(page.locator("#better")).to_be_hidden()
    assert [given.kind for given in stand.fake.feedback] == [FeedbackKind.THUMB, FeedbackKind.CORRECTION]


def test_copying_a_reply_is_noticed_and_copying_a_prompt_is_not(page, stand):
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    steps.ask(page, "Hello")
    copies = page.locator("#chat button[title='Copy message']")
    copies.first.click()
    copies.last.click()
    until(lambda: stand.fake.feedback)
    assert [given.kind for given in stand.fake.feedback] == [FeedbackKind.COPY]
    assert page.evaluate("navigator.clipboard.readText()") == "You said: Hello"


def test_an_old_conversation_is_there_after_a_reload_with_its_thumbs(page, stand):
    steps.ask(page, "The first one")
    steps.thumb_up(page)
    steps.new_chat(page)
    steps.ask(page, "The second one")
    page.reload()
    steps.wait_until_ready(page)
    expect(page.locator("#history label")).to_have_text(["The second one", "The first one"])
    steps.open_conversation(page, "The first one")
    expect(steps.replies(page)).to_have_text(["You said: The first one"])
    expect(page.locator("#chat button[title='Liked']")).to_be_visible()
    steps.ask(page, "And on")
    assert len(stand.fake.conversations) == 2


def test_while_the_model_loads_the_message_is_kept_and_sent_by_itself_afterwards(page, stand):
    stand.fake.waiting_for = [{"what": "vLLM", "for_s": 42.3, "detail": "reading weights"}]
    steps.send(page, "Are you there?")
    notice = page.locator(".notice")
    expect(notice).to_contain_text("The model is still loading (vLLM, 42 s so far). Your message is kept")
    expect(steps.box(page)).to_have_value("Are you there?")
    expect(page.locator(".status.loading")).to_have_text("Loading: vLLM, 42 s so far")
    stand.fake.waiting_for = []
    assert steps.wait_for_reply(page) == "You said: Are you there?"
    expect(steps.box(page)).to_have_value("")
    expect(notice).to_have_count(0)


def test_a_kept_message_that_was_changed_is_not_sent_by_itself(page, stand):
    stand.fake.waiting_for = [{"what": "vLLM", "for_s": 3, "detail": ""}]
    steps.send(page, "Are you there?")
    expect(page.locator(".notice")).to_be_visible()
    steps.box(page).fill("Are you there? And")
    stand.fake.waiting_for = []
    steps.wait_until_ready(page)
    page.wait_for_timeout(500)
    expect(steps.box(page)).to_have_value("Are you there? And")
    assert stand.fake.prompts == []


def test_a_reply_that_breaks_off_keeps_what_came_and_says_so(page, stand):
    stand.fake.break_off = True
    stand.fake.replies["Hello"] = ["Half a "]
    steps.send(page, "Hello")
    expect(page.locator(".notice")).to_contain_text("broke off")
    expect(steps.replies(page).last).to_have_text("Half a")


def test_hostile_text_is_shown_and_does_nothing(page, stand):
    stand.fake.replies[HOSTILE] = [HOSTILE]
    steps.send(page, HOSTILE)
    steps.wait_for_reply(page)
    for shown in (steps.prompts(page).last, steps.replies(page).last):
        expect(shown).to_contain_text("<script>window.ran = 1</script>")
        expect(shown).to_contain_text("<img src=x onerror='window.ran = 2'>")
    for link in page.locator("#chat a", has_text="a link").all():
        assert "javascript:" not in (link.get_attribute("href") or "")
    assert page.evaluate("window.ran") is None


def test_code_is_shown_as_it_is(page, stand):
    stand.fake.replies["Markup?"] = ["```html\n<b>bold</b>\n```\nor `<i>`"]
    steps.ask(page, "Markup?")
    expect(steps.replies(page).last.locator("pre")).to_contain_text("<b>bold</b>")
    expect(steps.replies(page).last).to_contain_text("or <i>")


def test_signing_out_ends_at_the_door_and_a_key_opens_it(page, stand):
    page.get_by_role("button", name="Sign out").click()
    expect(page.get_by_label("API key")).to_be_visible()
    steps.sign_in(page, stand.page_url, KEY)
    assert steps.ask(page, "Hello") == "You said: Hello"


def test_a_phone_shows_the_chat_first_and_the_list_on_request(stand, browser):
    context = browser.new_context(viewport={"width": 390, "height": 844})
    page = context.new_page()
    steps.enter(page, stand.page_url, LINK)
    steps.ask(page, "Hello")
    expect(page.locator("#history label")).not_to_be_in_viewport()
    page.get_by_role("button", name="Toggle Sidebar").click()
    expect(page.locator("#history label")).to_be_in_viewport()
    context.close()
