"""What a person does on the chat page, as functions of a Playwright page; for the fake gateway and for the real stack.

Locators go by what is seen or spoken: roles, names and texts, and the ids that `ui/chat.py` gives.
"""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager

from playwright.sync_api import Browser, Locator, Page, expect, sync_playwright

QUIET = ("--no-sandbox", "--disable-gpu", "--disable-background-networking", "--no-first-run")
PATIENCE_MS = 30_000


@contextmanager
def chromium() -> Iterator[Browser]:
    """The machine's Chromium or Chrome, else the one that Playwright installed."""
    names = ("chromium", "chromium-browser", "google-chrome")
    path = next(filter(None, map(shutil.which, names)), None)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=list(QUIET))
        try:
            yield browser
        finally:
            browser.close()


def enter(page: Page, base_url: str, token: str) -> None:
    """Opens a one-time link and waits until the chat can be used."""
    page.goto(f"{base_url}/enter/{token}")
    wait_until_usable(page)


def sign_in(page: Page, base_url: str, key: str) -> None:
    """Pastes an API key into the form."""
    page.goto(f"{base_url}/sign-in")
    page.get_by_label("API key").fill(key)
    page.get_by_role("button", name="Sign in").click()
    wait_until_usable(page)


def wait_until_usable(page: Page) -> None:
    """The box can be typed in and the page has said where the model stands."""
    expect(box(page)).to_be_editable(timeout=PATIENCE_MS)
    expect(page.locator(".status")).to_be_visible(timeout=PATIENCE_MS)


def wait_until_ready(page: Page, timeout_ms: float = PATIENCE_MS) -> None:
    """The model has been loaded."""
    expect(page.locator(".status.ready")).to_be_visible(timeout=timeout_ms)


def box(page: Page) -> Locator:
    return page.locator("#box textarea")


def replies(page: Page) -> Locator:
    return page.locator("#chat [data-testid='bot']")


def prompts(page: Page) -> Locator:
    return page.locator("#chat [data-testid='user']")


def send(page: Page, text: str) -> None:
    box(page).fill(text)
    box(page).press("Enter")


def shown_receipt(page: Page) -> str:
    """The message id of the newest reply's receipt; empty when there is none."""
    receipt = page.locator(".receipt")
    return receipt.get_attribute("data-message-id") or "" if receipt.count() else ""


def wait_for_reply(page: Page, before: str = "", timeout_ms: float = PATIENCE_MS) -> str:
    """The newest reply's text, once it is complete: then another receipt than `before` is shown."""
    expect(page.locator(f".receipt:not([data-message-id='{before}'])")).to_be_visible(timeout=timeout_ms)
    expect(page.locator("#box .submit-button")).to_be_visible(timeout=timeout_ms)
    return replies(page).last.inner_text().strip()


def ask(page: Page, text: str, timeout_ms: float = PATIENCE_MS) -> str:
    """Sends the text and gives the complete reply."""
    before = shown_receipt(page)
    send(page, text)
    return wait_for_reply(page, before, timeout_ms)


def stop(page: Page) -> None:
    page.locator("#box .stop-button").click()
    expect(page.locator("#box .submit-button")).to_be_visible(timeout=PATIENCE_MS)


def regenerate(page: Page, timeout_ms: float = PATIENCE_MS) -> str:
    """Asks for the newest reply again and gives the new one."""
    before = shown_receipt(page)
    page.get_by_role("button", name="Retry").last.click()
    return wait_for_reply(page, before, timeout_ms)


def edit_last_prompt(page: Page, text: str, timeout_ms: float = PATIENCE_MS) -> str:
    """Puts the newest prompt in other words and gives the reply to those."""
    before = shown_receipt(page)
    page.get_by_role("button", name="Edit").last.click()
    page.locator("#chat .edit-textarea").last.fill(text)
    page.locator("#chat").get_by_role("button", name="Submit").click()
    return wait_for_reply(page, before, timeout_ms)


def thumb_up(page: Page) -> None:
    page.locator("#chat button[title='Like']").last.click()
    wait_for_toast(page, "Thank you")


def thumb_down(page: Page, reasons: tuple[str, ...] = (), comment: str = "") -> None:
    """The thumb itself, then its reasons and comment when there are any."""
    page.locator("#chat button[title='Dislike']").last.click()
    wait_for_toast(page, "Thank you")
    expect(page.locator("#why")).to_be_visible(timeout=PATIENCE_MS)
    for reason in reasons:
        page.locator("#reasons").get_by_text(reason, exact=True).click()
    if comment:
        page.locator("#why").get_by_placeholder("Say more").fill(comment)
    if reasons or comment:
        page.locator("#send-why").click()
        expect(page.locator("#why")).to_be_hidden(timeout=PATIENCE_MS)


def write_better_answer(page: Page, answer: str) -> str:
    """Replaces the newest reply with this answer; gives what the field held before, which is the reply."""
    page.locator("#chat .option", has_text="Write a better answer").click()
    field = page.locator("#correction textarea")
    expect(field).to_be_visible(timeout=PATIENCE_MS)
    given = field.input_value()
    field.fill(answer)
    page.locator("#send-better").click()
    expect(page.locator("#better")).to_be_hidden(timeout=PATIENCE_MS)
    return given


def new_chat(page: Page) -> None:
    page.locator("#new-chat").click()
    expect(replies(page)).to_have_count(0, timeout=PATIENCE_MS)


def open_conversation(page: Page, title: str) -> None:
    page.locator("#history label", has_text=title).first.click()
    expect(replies(page).first).to_be_visible(timeout=PATIENCE_MS)


def wait_for_toast(page: Page, text: str) -> None:
    expect(page.locator(".toast-body", has_text=text).first).to_be_visible(timeout=PATIENCE_MS)
