"""The chat page: its parts, and which handler each event goes to."""

from pathlib import Path
from typing import Any

import gradio as gr

from ui.client import Gateway
from ui.generation import Generations
from ui.judge import Judge
from ui.talk import POLL_S, Chat, Talk
from ui.wording import REASONS, WELCOME

STYLE = Path(__file__).with_name("style.css")
OPEN_WHERE_WIDE = "() => ({__type__: 'update', open: window.innerWidth >= 768})"  # a phone shows the chat first
CONCURRENT = 200  # handlers wait for the gateway, not for a processor
SIDE_HEAD = '<div class="brand"><span class="pawl" aria-hidden="true"></span>Ratchet</div>'
SIDE_FOOT = '<form class="sign-out" method="post" action="/sign-out"><button type="submit">Sign out</button></form>'
SYSTEM_FONTS = [gr.themes.Font(name) for name in ("system-ui", "Segoe UI", "Roboto", "sans-serif")]
MONO_FONTS = [gr.themes.Font(name) for name in ("ui-monospace", "Menlo", "Consolas", "monospace")]


def theme() -> Any:
    """Neutral, one accent colour, and only fonts that are on the visitor's machine."""
    return gr.themes.Base(
        primary_hue="teal",
        secondary_hue="teal",
        neutral_hue="stone",
        radius_size="lg",
        font=SYSTEM_FONTS,
        font_mono=MONO_FONTS,
    ).set(
        body_text_color_subdued="*neutral_500",
        body_text_color_subdued_dark="*neutral_400",
        button_primary_background_fill="*primary_700",
        button_primary_background_fill_hover="*primary_800",
        button_primary_background_fill_dark="*primary_700",
    )


class Page:
    """The parts that handlers read and write."""

    def __init__(self) -> None:
        self.chat = gr.State(Chat())
        self.thumbs = gr.State({})
        self.judging = gr.State(None)
        self.resends = gr.State(0)
        self.timer = gr.Timer(POLL_S, active=True)
        with gr.Sidebar(width=280, elem_id="side", open=False) as self.side:
            gr.HTML(SIDE_HEAD)
            self.new = gr.Button("New chat", elem_id="new-chat", size="md")
            self.history = gr.Radio(
                [], label="Conversations", container=False, elem_id="history", show_label=False, interactive=True
            )
            gr.HTML(SIDE_FOOT, elem_id="side-foot")
        with gr.Column(elem_id="page"):
            self.status = gr.HTML("", elem_id="status")
            self.chatbot = gr.Chatbot(
                elem_id="chat",
                label="Conversation",
                show_label=False,
                container=False,
                height="100%",
                buttons=["copy"],
                editable="user",
                feedback_options=("Like", "Dislike"),
                group_consecutive_messages=False,
                allow_tags=False,
                placeholder=WELCOME,
                layout="bubble",
            )
            self.receipt = gr.HTML("", elem_id="receipt")
            self._judgement()
            self.notice = gr.HTML("", elem_id="notice")
            self.box = gr.Textbox(
                elem_id="box",
                label="Your message",
                show_label=False,
                container=False,
                placeholder="Write a message",
                max_lines=10,
                autofocus=True,
                submit_btn=True,
                stop_btn=False,
            )

    def _judgement(self) -> None:
        with gr.Column(visible=False, elem_id="why", elem_classes="judging") as self.why:
            self.reasons = gr.CheckboxGroup(list(REASONS), label="What was wrong?", elem_id="reasons")
            self.comment = gr.Textbox(
                label="Anything else", show_label=False, container=False, placeholder="Say more (optional)", lines=1
            )
            with gr.Row(elem_classes="actions"):
                self.send_why = gr.Button("Send", variant="primary", size="sm", elem_id="send-why")
                self.better_instead = gr.Button("Write a better answer", size="sm", elem_id="better-instead")
                self.close_why = gr.Button("Close", size="sm", elem_id="close-why")
        with gr.Column(visible=False, elem_id="better", elem_classes="judging") as self.better:
            self.correction = gr.Textbox(label="Your better answer", lines=4, max_lines=14, elem_id="correction")
            with gr.Row(elem_classes="actions"):
                self.send_better = gr.Button("Save", variant="primary", size="sm", elem_id="send-better")
                self.close_better = gr.Button("Cancel", size="sm", elem_id="close-better")


def build(gateway: Gateway) -> gr.Blocks:
    """The page over this gateway, ready to be mounted. It makes no request until somebody opens it."""
    with gr.Blocks(title="Ratchet", analytics_enabled=False, fill_height=True, fill_width=True) as blocks:
        page = Page()
        talk = Talk(gateway, Generations())
        _wire_talk(blocks, page, talk, Judge(gateway))
        _wire_judge(page, Judge(gateway))
    blocks.queue(default_concurrency_limit=CONCURRENT, api_open=False)
    return blocks


def _wire_talk(blocks: gr.Blocks, page: Page, talk: Talk, judge: Judge) -> None:
    quiet: dict[str, Any] = {"show_progress": "hidden", "api_visibility": "private"}
    shown = [page.chat, page.chatbot, page.box, page.notice, page.receipt]
    panels = [page.thumbs, page.chatbot, page.judging, page.why, page.better]
    polled = [page.status, page.timer, page.resends]
    prompt = [page.chat, page.box]

    asked = [
        page.box.submit(talk.take, prompt, shown, **quiet),
        page.resends.change(talk.take, prompt, shown, **quiet),
        page.chatbot.retry(talk.again, page.chat, shown, **quiet),
        page.chatbot.edit(talk.rewrite, page.chat, shown, **quiet),
    ]
    streaming: dict[str, Any] = {"show_progress_on": page.chatbot, "api_visibility": "private"}
    answered = [event.then(talk.answer, prompt, [*shown, page.timer], **streaming) for event in asked]
    for event in answered:
        event.then(talk.listed, page.chat, page.history, **quiet)
    page.box.stop(talk.stop, None, None, queue=False, **quiet)
    page.timer.tick(talk.poll, [*prompt, page.resends], polled, **quiet)
    blocks.load(None, None, page.side, js=OPEN_WHERE_WIDE)
    blocks.load(talk.poll, [*prompt, page.resends], polled, **quiet)
    blocks.load(talk.listed, page.chat, page.history, **quiet)
    # Gradio sends a generator's last value again when it ends. Cancelled first, it can't land on what is opened next;
    # listeners of one event run in the order in which they were added.
    page.history.input(None, None, None, cancels=answered)
    page.new.click(None, None, None, cancels=answered)
    opened = page.history.input(talk.open, page.history, shown, **quiet)
    fresh = page.new.click(talk.start_afresh, None, shown, **quiet)
    for event in (opened, fresh):
        event.then(judge.recall, page.chat, panels, **quiet).then(talk.listed, page.chat, page.history, **quiet)


def _wire_judge(page: Page, judge: Judge) -> None:
    quiet: dict[str, Any] = {"show_progress": "hidden", "api_visibility": "private"}
    offered = [page.judging, page.correction, page.better, page.why]
    page.chatbot.like(
        judge.thumb,
        [page.chat, page.thumbs, page.judging],
        [page.thumbs, page.chatbot, page.judging, page.why, page.reasons, page.comment],
        trigger_mode="multiple",  # with "once", Gradio's default, a second click while the first is stored is lost
        **quiet,
    )
    page.send_why.click(
        judge.explain,
        [page.judging, page.reasons, page.comment],
        [page.reasons, page.comment, page.why],
        **quiet,
    )
    page.chatbot.option_select(judge.offer, page.chat, offered, **quiet)
    page.better_instead.click(judge.offer_judged, [page.chat, page.judging], offered, **quiet)
    page.send_better.click(judge.correct, [page.chat, page.judging, page.correction], page.better, **quiet)
    page.chatbot.copy(judge.copied, page.chat, None, trigger_mode="multiple", **quiet)
    page.close_why.click(lambda: gr.Column(visible=False), None, page.why, **quiet)
    page.close_better.click(lambda: gr.Column(visible=False), None, page.better, **quiet)
