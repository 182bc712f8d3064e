"""A program that stores exchanges and feedback without end and prints each id once it is acknowledged.

`python tests/feedback/crash_writer.py DATABASE PREFIX`
"""

import sys
from pathlib import Path

from feedback.store import Store
from tests.feedback.example import conversation, exchange, thumb

BURST = 20


def main(path: Path, prefix: str) -> None:
    store = Store(path)
    number = 0
    while True:
        waiting = []
        for _ in range(BURST):
            name = f"{prefix}{number}"
            stored = store.add_exchange(conversation(name), exchange(f"{name}_", name))
            waiting.append((name, stored, store.add_feedback(thumb(f"{name}_f", f"{name}_a"))))
            number += 1
        for name, stored, judged in waiting:
            stored.result()
            judged.result()
            sys.stdout.write(f"{name}\n")
            sys.stdout.flush()


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2])
