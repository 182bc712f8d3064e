"""What the store takes, refuses and gives back."""

from datetime import datetime
from pathlib import Path
from typing import Any

import duckdb
import pytest

from feedback.access import ApiKey, Link
from feedback.errors import Conflict, Corrupt, Invalid, NotFound, NotReady, Unauthenticated
from feedback.store import Store
from feedback.words import AccessRole, AdapterState, FeedbackKind
from tests.feedback.example import adapter, at, conversation, exchange, feedback, message, promotion, thumb

KEY = ApiKey(key_id="key_1", user_id="ann", role=AccessRole.USER, label="laptop", key_hash="c" * 64, created_at=at(0))
LINK = Link(token_hash="e" * 64, user_id="ann", role=AccessRole.OPERATOR, created_at=at(0), expires_at=at(60))


@pytest.fixture
def talked(store: Store) -> Store:
    """Ann asked and was answered twice; Bob once."""
    store.add_exchange(conversation(), exchange()).result()
    second = message("b", "assistant", "q", created_at=at(3), finish_reason="stop")
    store.add_exchange(conversation(), [second]).result()
    store.add_exchange(conversation("c2", "bob", 5), exchange("bob_", "c2")).result()
    return store


def test_an_exchange_comes_back_as_it_was(store: Store) -> None:
    first, second = exchange()
    liked = feedback("f1", FeedbackKind.COMMENT, comment="naïve 🚲\x00 text", reasons=("short", "kind"))
    store.add_exchange(conversation(title="Bells"), [first, second], [liked]).result()
    assert store.conversation("c1") == conversation(title="Bells", messages=(first, second))
    assert (store.message("a"), store.feedback("f1"), store.feedback_about("a")) == (second, liked, [liked])


def test_what_exists_already_is_left_as_it_is(talked: Store) -> None:
    first, second = exchange()
    changed = second.model_copy(update={"content": "rewritten"})
    talked.add_exchange(conversation(title="renamed"), [first, changed]).result()
    kept = talked.conversation("c1")
    assert kept is not None
    assert (kept.title, [one.message_id for one in kept.messages]) == ("", ["q", "a", "b"])
    assert talked.message("a") == second


def test_messages_are_ordered_by_time_then_id(store: Store) -> None:
    together = [message(name, "user", created_at=at(1)) for name in "zyx"]
    store.add_exchange(conversation(), [message("late", "user", created_at=at(2)), *together]).result()
    kept = store.conversation("c1")
    assert kept is not None
    assert [one.message_id for one in kept.messages] == ["x", "y", "z", "late"]


@pytest.mark.parametrize(
    ("user", "messages", "error"),
    [
        ("bob", [], NotFound),
        ("ann", [message("m", "user", conversation_id="c2")], Invalid),
        ("ann", [message("bob_q", "user")], Conflict),
        ("ann", [message("m", "user", "bob_a")], Invalid),
        ("ann", [message("m", "user", "nowhere")], Invalid),
        ("ann", [message("m", "user", created_at=datetime(2026, 1, 1))], Invalid),
    ],
)
def test_an_exchange_that_is_refused_stores_nothing(talked: Store, user: str, messages: Any, error: type) -> None:
    before = talked.counts()
    with pytest.raises(error):
        talked.add_exchange(conversation(user=user), [message("fine", "user"), *messages]).result()
    assert talked.counts() == before


def test_an_exchange_with_bad_feedback_stores_nothing(store: Store) -> None:
    with pytest.raises(NotFound):
        store.add_exchange(conversation(), exchange(), [thumb("f1", "nowhere")]).result()
    assert set(store.counts().values()) == {0}


def comparison(name: str, first: str, second: str, **more: Any) -> Any:
    return feedback(name, FeedbackKind.COMPARISON, first, other_message_id=second, winner="a", **more)


@pytest.mark.parametrize(
    ("event", "error"),
    [
        (thumb("f", "nowhere"), NotFound),
        (thumb("f", "bob_a"), NotFound),
        (thumb("f", "q"), Invalid),
        (comparison("f", "a", "nowhere"), NotFound),
        (comparison("f", "a", "bob_a"), NotFound),
        (comparison("f", "a", "q"), Invalid),
        (thumb("f", supersedes="nowhere"), NotFound),
        (thumb("f", supersedes="by_bob"), NotFound),
        (thumb("f", "b", supersedes="by_ann"), Invalid),
        (feedback("f", FeedbackKind.STARS, stars=3, supersedes="by_ann"), Invalid),
        (thumb("by_ann", way="down"), Conflict),
    ],
)
def test_feedback_that_is_refused(talked: Store, event: Any, error: type) -> None:
    talked.add_feedback(thumb("by_ann")).result()
    talked.add_feedback(thumb("by_bob", "bob_a", user="bob")).result()
    with pytest.raises(error):
        talked.add_feedback(event).result()
    assert talked.counts()["feedback"] == 2


def test_somebody_elses_message_is_refused_like_one_that_does_not_exist(talked: Store) -> None:
    told = []
    for message_id in ("bob_a", "bob_z"):
        with pytest.raises(NotFound) as refused:
            talked.add_feedback(thumb("f", message_id)).result()
        told.append(str(refused.value).replace(message_id, "X"))
    assert told[0] == told[1]


def test_feedback_is_kept_amended_and_read_back(talked: Store) -> None:
    events = [
        thumb("f1"),
        comparison("f2", "b", "a", created_at=at(11)),
        thumb("f3", way="down", supersedes="f1", created_at=at(12)),
        feedback("f4", FeedbackKind.THUMB, supersedes="f3", withdrawn=True, created_at=at(13)),
        thumb("f5", user="labeller", source="argilla", created_at=at(14)),
    ]
    assert [talked.add_feedback(event).result() for event in events] == events
    assert talked.feedback_about("a") == events
    assert talked.feedback_about("a", "labeller") == events[-1:]
    assert talked.add_feedback(events[0]).result() == events[0]
    assert talked.counts()["feedback"] == len(events)


def test_conversations_are_paged_from_the_newest(store: Store) -> None:
    for number in range(5):
        store.add_exchange(conversation(f"c{number}", second=number), []).result()
    store.add_exchange(conversation("c9", "bob"), []).result()
    pages, before = [], None
    while True:
        page, before = store.conversations("ann", 2, before)
        pages.append([one.conversation_id for one in page])
        if before is None:
            break
    assert pages == [["c4", "c3"], ["c2", "c1"], ["c0"]]
    assert store.conversations("nobody", 2) == ([], None)
    for limit in (0, -1, 10_000):
        with pytest.raises(Invalid, match=str(limit)):
            store.conversations("ann", limit)


def test_a_key_is_found_until_and_after_it_is_revoked(store: Store) -> None:
    store.add_key(KEY).result()
    assert (store.key_by_hash("c" * 64), store.key_by_hash("d" * 64)) == (KEY, None)
    store.revoke_key("key_1", at(5)).result()
    store.revoke_key("key_1", at(9)).result()
    assert store.keys() == [KEY.model_copy(update={"revoked_at": at(5)})] == [store.key_by_hash("c" * 64)]
    with pytest.raises(NotFound, match="key_2"):
        store.revoke_key("key_2", at(5)).result()


def test_a_link_works_once_and_in_time(store: Store) -> None:
    store.add_link(LINK).result()
    for token_hash, when in (("f" * 64, at(1)), (LINK.token_hash, at(60))):
        with pytest.raises(Unauthenticated):
            store.use_link(token_hash, when).result()
    uses = [store.use_link(LINK.token_hash, at(30 + number)) for number in range(5)]
    assert uses[0].result() == LINK.model_copy(update={"used_at": at(30)})
    for use in uses[1:]:
        with pytest.raises(Unauthenticated):
            use.result()


def take_in(store: Store, letter: str) -> str:
    return store.add_adapter("main", lambda version: adapter(version, letter * 64)).result().adapter_id


def test_adapters_are_numbered_by_line_and_known_by_their_bytes(store: Store) -> None:
    first = store.add_adapter("main", lambda version: adapter(version, "a" * 64)).result()
    second = store.add_adapter("main", lambda version: adapter(version, "b" * 64)).result()
    again = store.add_adapter("main", lambda version: adapter(version, "a" * 64)).result()
    other = store.add_adapter("shop", lambda version: adapter(version, "a" * 64, "shop")).result()
    assert (first.version, second.version, again, other.version) == (1, 2, first, 1)
    assert store.adapters() == [first, second, other]
    assert store.adapters("shop") == [other]
    with pytest.raises(Invalid, match="v9"):
        store.add_adapter("main", lambda _: adapter(9, "c" * 64)).result()


def test_the_head_moves_by_compare_and_swap(store: Store) -> None:
    one, two = (take_in(store, letter) for letter in "ab")
    assert store.head("main") is None
    decided = [
        promotion("p1", "promote", one),
        promotion("p2", "reject", two, one),
        promotion("p3", "promote", two, one),
        promotion("p4", "rollback", "tiny", two),
    ]
    for each in decided:
        store.add_promotion(each).result()
    assert (store.head("main"), store.head("shop")) == ("tiny", None)
    assert store.promotions("main") == decided[::-1] == store.promotions()
    with pytest.raises(Conflict, match="tiny is live"):
        store.add_promotion(promotion("p5", "promote", one, two)).result()
    with pytest.raises(NotFound):
        store.add_promotion(promotion("p5", "promote", "unknown", "tiny")).result()
    assert len(store.promotions()) == 4


def test_an_adapters_state_follows_from_the_decisions(store: Store) -> None:
    ids = [take_in(store, letter) for letter in "abcd"]

    def found() -> list[AdapterState | None]:
        assert [one.state for one in store.adapters()] == [getattr(store.adapter(i), "state", None) for i in ids]
        return [one.state for one in store.adapters()]

    live, retired, rejected = AdapterState.LIVE, AdapterState.RETIRED, AdapterState.REJECTED
    candidate = AdapterState.CANDIDATE
    for action, index, incumbent, expected in (
        ("promote", 0, "tiny", [live, candidate, candidate, candidate]),
        ("reject", 2, ids[0], [live, candidate, rejected, candidate]),
        ("promote", 1, ids[0], [retired, live, rejected, candidate]),
        ("rollback", 0, ids[1], [live, retired, rejected, candidate]),
        ("reject", 1, ids[0], [live, retired, rejected, candidate]),
    ):
        store.add_promotion(promotion(f"p{action}{index}{incumbent}", action, ids[index], incumbent)).result()
        assert found() == expected


def test_what_is_missing_is_none(store: Store) -> None:
    gone = [
        store.conversation("x"),
        store.message("x"),
        store.feedback("x"),
        store.adapter("x"),
        store.key_by_hash("x"),
    ]
    assert gone == [None] * 5
    assert store.feedback_about("x") == []


def test_everything_is_there_after_reopening(tmp_path: Path) -> None:
    path = tmp_path / "ratchet.duckdb"
    first = Store(path)
    first.add_exchange(conversation(), exchange())
    first.add_feedback(thumb("f1"))
    first.close()
    assert first.add_feedback(thumb("f2")).exception() is not None
    with pytest.raises(NotReady):
        first.message("a")
    second = Store(path)
    assert second.counts() == {"conversations": 1, "messages": 2, "feedback": 1, "adapters": 0}
    second.close()


def test_a_file_that_is_no_database_is_refused_and_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "ratchet.duckdb"
    path.write_bytes(b"not a database" * 1000)
    with pytest.raises(Corrupt, match=r"ratchet\.duckdb"):
        Store(path)
    assert path.read_bytes() == b"not a database" * 1000


def test_a_migration_changed_behind_our_back_is_refused_and_the_file_freed(tmp_path: Path) -> None:
    path = tmp_path / "ratchet.duckdb"
    Store(path).close()
    with duckdb.connect(path) as connection:
        connection.execute("UPDATE schema_migrations SET checksum = 'x' WHERE number = 1")
    with pytest.raises(Corrupt, match="0001"):
        Store(path)
    duckdb.connect(path).close()
