"""What happens when a command is heard: each action takes events in order, in a thread of its own.

The thread that hears never waits for an action. Events wait in a queue in memory, whose oldest are dropped when it is
full, or in a journal on the disk.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Sequence
from typing import Protocol

from .faults import Backoff, report
from .journal import Event, Journal

MOST_WAITING = 100  # events in memory
PATIENCE = 10.0  # s that an action which fails gets at the end to succeed
_IDLE = 1.0  # s between two looks at a connection


class DeliveryError(Exception):
    """An event could not be delivered and is tried again; the text is one line."""


class RefusalError(Exception):
    """The recipient refuses an event, which is dropped; the text is one line."""


class Action(Protocol):
    """Delivers events to a recipient."""

    name: str

    def connect(self) -> None:
        """Connect where it is not connected; DeliveryError if that fails."""

    def deliver(self, number: int, event: Event) -> None:
        """Deliver an event and return when the recipient has it; DeliveryError or RefusalError if that fails."""

    def close(self) -> None:
        """End the connection."""


class Queue(Protocol):
    """Events for recipients, in order; `journal.Journal` describes the methods."""

    def append(self, event: Event) -> None: ...
    def first(self, recipient: str) -> tuple[int, Event] | None: ...
    def acknowledge(self, recipient: str, number: int) -> None: ...
    def waiting(self, recipient: str) -> int: ...
    def close(self) -> None: ...


class Memory:
    """A queue for one recipient that lives as long as the process.

    Parameters
    ----------
    recipient : its name.
    most : events that wait; the oldest go first.
    """

    def __init__(self, recipient: str, most: int = MOST_WAITING) -> None:
        self._recipient = recipient
        self._most = most
        self._lock = threading.Lock()
        self._events: deque[tuple[int, Event]] = deque()
        self._last = 0

    def append(self, event: Event) -> None:
        """Add an event."""
        with self._lock:
            self._last += 1
            self._events.append((self._last, event))
            if len(self._events) <= self._most:
                return
            _, dropped = self._events.popleft()
        report(f"{self._recipient}: {self._most} events wait already; dropped: {dropped.get('text')!r}")

    def first(self, recipient: str) -> tuple[int, Event] | None:
        """Return the number and content of the oldest event; None: there is none."""
        with self._lock:
            return self._events[0] if self._events else None

    def acknowledge(self, recipient: str, number: int) -> None:
        """Forget an event and those before it."""
        with self._lock:
            while self._events and self._events[0][0] <= number:
                self._events.popleft()

    def waiting(self, recipient: str) -> int:
        """Return the number of events."""
        with self._lock:
            return len(self._events)

    def close(self) -> None:
        """Do nothing; there is no file."""


class Worker:
    """The thread of an action. It begins at once.

    Parameters
    ----------
    queue : where its events wait.
    backoff : pauses after failures.
    """

    def __init__(self, action: Action, queue: Queue, backoff: Backoff) -> None:
        self._action = action
        self._queue = queue
        self._backoff = backoff
        self._stopped = threading.Event()
        self._news = threading.Event()
        self.failing = False
        self._thread = threading.Thread(target=self._run, name=action.name, daemon=True)
        self._thread.start()

    def wake(self) -> None:
        """Tell that the queue has got an event."""
        self._news.set()

    @property
    def waiting(self) -> int:
        """Events that are not delivered yet."""
        return self._queue.waiting(self._action.name)

    def stop(self, seconds: float) -> None:
        """End the thread; it gets some seconds for the event that it is delivering."""
        self._stopped.set()
        self._news.set()
        self._thread.join(seconds)

    def _run(self) -> None:
        while not self._stopped.is_set():
            try:
                self._action.connect()
                self._deliver_waiting()
            except DeliveryError as error:
                self.failing = True
                self._backoff.wait(self._stopped, f"{self._action.name}: {error}")
            else:
                self._news.wait(_IDLE)
        self._action.close()

    def _deliver_waiting(self) -> None:
        self._news.clear()
        while not self._stopped.is_set():
            found = self._queue.first(self._action.name)
            if found is None:
                break
            number, event = found
            try:
                self._action.deliver(number, event)
            except RefusalError as error:
                report(f"{self._action.name}: {error}; dropped: {event.get('text')!r}")
            try:
                self._queue.acknowledge(self._action.name, number)
            except OSError as error:
                raise DeliveryError(f"the queue cannot be written: {error.strerror}") from None
            self._recovered()
        self._recovered()

    def _recovered(self) -> None:
        if self.failing:
            report(f"{self._action.name}: works again")
        self.failing = False
        self._backoff.reset()


class Actions:
    """All actions of a listener.

    Parameters
    ----------
    actions : with different names.
    journal : where events wait until they are delivered; None: in memory.
    first_pause : s, of the pauses after failures.
    """

    def __init__(self, actions: Sequence[Action], journal: Journal | None, first_pause: float | None = None) -> None:
        self._journal = journal
        queues: list[Queue] = [journal or Memory(action.name) for action in actions]
        self._queues = queues[:1] if journal else queues
        pauses = [Backoff() if first_pause is None else Backoff(first_pause) for _ in actions]
        self._workers = [Worker(*parts) for parts in zip(actions, queues, pauses, strict=True)]

    def take(self, event: Event) -> None:
        """Queue an event for every action. With a journal it is promised when this returns."""
        for queue in self._queues:
            try:
                queue.append(event)
            except OSError as error:
                report(f"the queue cannot be written: {error.strerror}; lost: {event.get('text')!r}")
        for worker in self._workers:
            worker.wake()

    def finish(self, patience: float = PATIENCE) -> None:
        """Wait until everything is delivered, but `patience` seconds at most where nothing succeeds."""
        failed = 0.0
        while failed < patience and any(worker.waiting for worker in self._workers):
            time.sleep(0.05)
            if all(worker.failing for worker in self._workers if worker.waiting):
                failed += 0.05

    def stop(self, seconds: float = 2.0) -> None:
        """End the threads now."""
        for worker in self._workers:
            worker.stop(seconds)
        left = max((worker.waiting for worker in self._workers), default=0)
        if left:
            report(f"{'left in the queue' if self._journal else 'not delivered'}: {left}")
        for queue in self._queues:
            queue.close()
