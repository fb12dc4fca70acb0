"""The connections of one process."""

from collections import defaultdict
from collections.abc import Iterator

from realtime.socket.identity import Person
from realtime.socket.session import Session


class Sessions:
    """Some are of nobody yet; those of a person are found by her id."""

    def __init__(self) -> None:
        self._all: set[Session] = set()
        # Ids of people, by their public ones.
        self._users: dict[str, int] = {}
        self._by_user: defaultdict[int, set[Session]] = defaultdict(set)

    def __len__(self) -> int:
        return len(self._all)

    def __iter__(self) -> Iterator[Session]:
        """As they are now, whoever comes and goes meanwhile."""
        return iter(tuple(self._all))

    def __contains__(self, session: Session) -> bool:
        return session in self._all

    def of_person(self, public_id: str) -> list[Session]:
        return self.of(self._users.get(public_id, 0))

    def of(self, user: int) -> list[Session]:
        """The oldest first."""
        return sorted(self._by_user.get(user, ()), key=lambda session: session.id)

    def add(self, session: Session) -> None:
        self._all.add(session)

    def admit(self, session: Session, person: Person) -> None:
        session.person = person
        self._by_user[person.id].add(session)
        self._users[str(person.public_id)] = person.id

    def remove(self, session: Session) -> None:
        self._all.discard(session)
        if session.person and (hers := self._by_user.get(session.person.id)) is not None:
            hers.discard(session)
            if not hers:
                del self._by_user[session.person.id]
                del self._users[str(session.person.public_id)]
