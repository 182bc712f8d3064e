"""Everything the gateway keeps, in one DuckDB file that only it opens.

Writes go through one thread and are acknowledged after a durable commit; reads come from any thread, each of one
moment. The rules of what may be stored are in `exchanges`, `registry` and `keyring`.
"""

from collections.abc import Callable, Sequence
from concurrent.futures import Future
from datetime import datetime
from pathlib import Path

from feedback import exchanges, keyring, registry
from feedback.access import ApiKey, Link
from feedback.database import Database
from feedback.rows import API_KEYS, FEEDBACK, LINKS, MESSAGES
from feedback.snapshot import SnapshotManifest, write_snapshot
from feedback.words import Adapter, Conversation, Feedback, Message, Promotion
from feedback.writer import Writer

COUNTED = ("conversations", "messages", "feedback", "adapters")


class Store:
    """The store in the file, migrated. Conflict when another process has it, Corrupt when it isn't one.

    A write's future has its result once it would survive the process being killed; StorageFull when the disk is full,
    NotReady when too many writes wait; then nothing of it was stored. An id that exists twice is an error.
    """

    def __init__(self, path: Path) -> None:
        self._database = Database(path)
        self._writer = Writer(self._database)

    def close(self) -> None:
        """Every write that was queued is done and the file is free for others. The store takes nothing more."""
        self._writer.close()
        self._database.close()

    @property
    def waiting(self) -> int:
        """How many writes are queued."""
        return self._writer.waiting

    def add_exchange(
        self, conversation: Conversation, messages: Sequence[Message], feedback: Sequence[Feedback] = ()
    ) -> Future[None]:
        """Conversation, messages and feedback are stored together; those whose id exists are left as they are.

        `conversation.messages` is ignored. A parent comes before its children. NotFound when the conversation is
        somebody else's.
        """
        return self._writer.submit(lambda db: exchanges.add_exchange(db, conversation, messages, feedback))

    def add_feedback(self, feedback: Feedback) -> Future[Feedback]:
        """The event is stored. NotFound when a message it is about, or the feedback it supersedes, isn't the user's
        own (annotators, source "argilla", may judge anybody's); Invalid when a message isn't an assistant's or the
        superseded feedback is of another kind or about another message."""
        return self._writer.submit(lambda db: exchanges.add_feedback(db, feedback))

    def add_key(self, key: ApiKey) -> Future[None]:
        return self._writer.submit(lambda db: API_KEYS.insert(db, key))

    def revoke_key(self, key_id: str, at: datetime) -> Future[None]:
        """The key is revoked, since the first time. NotFound when there is none."""
        return self._writer.submit(lambda db: keyring.revoke_key(db, key_id, at))

    def add_link(self, link: Link) -> Future[None]:
        return self._writer.submit(lambda db: LINKS.insert(db, link))

    def use_link(self, token_hash: str, at: datetime) -> Future[Link]:
        """The link, used now and never again. Unauthenticated when it is unknown, used or expired."""
        return self._writer.submit(lambda db: keyring.use_link(db, token_hash, at))

    def add_adapter(self, line: str, make: Callable[[int], Adapter]) -> Future[Adapter]:
        """The adapter that `make` gives for the line's next version; the line's own when it has those bytes already.

        `make` may be called twice and must only make the value.
        """
        return self._writer.submit(lambda db: registry.add_adapter(db, line, make))

    def add_promotion(self, promotion: Promotion) -> Future[Promotion]:
        """The decision is the line's newest. Conflict, naming the head, when that isn't `incumbent_id`; NotFound when
        there is no such adapter on the line (a rollback may name the base)."""
        return self._writer.submit(lambda db: registry.add_promotion(db, promotion))

    def conversation(self, conversation_id: str) -> Conversation | None:
        """With its messages, oldest first."""
        with self._database.reading() as db:
            return exchanges.conversation_with_messages(db, conversation_id)

    def conversations(
        self, user_id: str, limit: int, before: str | None = None
    ) -> tuple[list[Conversation], str | None]:
        """The user's conversations, newest first, without messages; and the `before` of the next page, or None."""
        with self._database.reading() as db:
            return exchanges.conversations_page(db, user_id, limit, before)

    def message(self, message_id: str) -> Message | None:
        with self._database.reading() as db:
            return MESSAGES.get(db, message_id)

    def feedback_about(self, message_id: str, user_id: str | None = None) -> list[Feedback]:
        """Every event about the message, as the first or the second of two, oldest first."""
        with self._database.reading() as db:
            return exchanges.feedback_about(db, message_id, user_id)

    def feedback(self, feedback_id: str) -> Feedback | None:
        with self._database.reading() as db:
            return FEEDBACK.get(db, feedback_id)

    def key_by_hash(self, key_hash: str) -> ApiKey | None:
        """The key, revoked or not."""
        with self._database.reading() as db:
            return keyring.key_by_hash(db, key_hash)

    def keys(self) -> list[ApiKey]:
        """All keys, oldest first, the revoked ones too."""
        with self._database.reading() as db:
            return API_KEYS.select(db, "ORDER BY created_at, key_id")

    def adapters(self, line: str | None = None) -> list[Adapter]:
        """By line and version, each with the state that the promotions give it."""
        with self._database.reading() as db:
            return registry.adapters(db, line)

    def adapter(self, adapter_id: str) -> Adapter | None:
        with self._database.reading() as db:
            return registry.adapter(db, adapter_id)

    def promotions(self, line: str | None = None) -> list[Promotion]:
        """Newest first."""
        with self._database.reading() as db:
            return registry.promotions(db, line)

    def head(self, line: str) -> str | None:
        """What is live on the line: an adapter's id, the base's after a rollback to it, None before any promotion."""
        with self._database.reading() as db:
            return registry.head(db, line)

    def counts(self) -> dict[str, int]:
        """How many conversations, messages, feedback events and adapters there are."""
        with self._database.reading() as db:
            selects = " UNION ALL ".join(f"SELECT '{name}', count(*) FROM {name}" for name in COUNTED)  # noqa: S608
            return dict(db.execute(selects).fetchall())

    def snapshot(self, parent: Path, snapshot_id: str, at: datetime) -> SnapshotManifest:
        """`<parent>/<snapshot_id>` holds all conversations, messages and feedback of one moment."""
        with self._database.reading() as db:
            return write_snapshot(db, parent / snapshot_id, at)
