"""What is remembered of each connection beside its paths, also over a restart (bucket ``lives``).

Whether it was admitted before, so that it is DEGRADED and not REJECTED when its path is lost; who took its bandwidth;
and the last changes of its state. A record is ``{"admitted": true, "displaced": "", "history": [[time, before, after,
reason, path], …]}``. Bounded: HISTORY changes of each connection, the path cut at MAX_PATH characters.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from sdn.model import codec
from sdn.model.errors import SdnError
from sdn.model.status import State, Status, Transition

LIVES = "lives"
"""Bucket: key the connection's name."""
HISTORY = 32
MAX_PATH = 400


@dataclass(slots=True)
class Life:
    """admitted: it has had a path. displaced: full name of the connection that took its bandwidth, '' for none.

    pin: the only path that it may take, as ``Constraints.explicit_path``; () for none.
    """

    admitted: bool = False
    displaced: str = ""
    history: tuple[Transition, ...] = ()
    pin: tuple[str, ...] = ()


@dataclass(slots=True)
class Lives:
    """Of all connections. saved: the bucket; records that cannot be read are forgotten."""

    saved: Mapping[str, str]
    _all: dict[str, Life] = field(default_factory=dict)
    _unsaved: dict[str, None] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for name, text in self.saved.items():
            self._all[name] = _read(text)
        self.saved = {}

    def names(self) -> Iterable[str]:
        """Of all that is remembered."""
        return tuple(self._all)

    def admitted(self, name: str) -> bool:
        """Whether a connection has had a path."""
        return name in self._all and self._all[name].admitted

    def displaced(self, name: str) -> str:
        """Who took its bandwidth, '' if nobody did since it had a path."""
        return self._all[name].displaced if name in self._all else ""

    def history(self, name: str) -> tuple[Transition, ...]:
        """The last changes of its state, the oldest first."""
        return self._all[name].history if name in self._all else ()

    def admit(self, name: str) -> None:
        """It has a path."""
        life = self._of(name)
        if not life.admitted or life.displaced:
            life.admitted, life.displaced = True, ""
            self._unsaved[name] = None

    def displace(self, name: str, by: str) -> None:
        """Another connection takes its bandwidth."""
        self._of(name).displaced = by
        self._unsaved[name] = None

    def pin(self, name: str) -> tuple[str, ...]:
        """The only path that it may take, () for none."""
        return self._all[name].pin if name in self._all else ()

    def set_pin(self, name: str, path: tuple[str, ...]) -> None:
        """It may take this path alone; (): any."""
        if self.pin(name) != path:
            self._of(name).pin = path
            self._unsaved[name] = None

    def note(self, name: str, status: Status, wall: float) -> None:
        """The state at Unix time ``wall``; what is as it was is not noted again."""
        life = self._of(name)
        path = " > ".join(hop.switch for hop in status.path)
        shown = path if len(path) <= MAX_PATH else path[: MAX_PATH - 1] + "…"
        last = life.history[-1] if life.history else None
        if last is not None and (last.after, last.reason, last.path) == (status.state, status.reason, shown):
            return
        before = last.after if last is not None else None
        life.history = (*life.history, Transition(wall, before, status.state, status.reason, shown))[-HISTORY:]
        self._unsaved[name] = None

    def forget(self, *names: str) -> None:
        """These are gone."""
        for name in names:
            if self._all.pop(name, None) is not None:
                self._unsaved[name] = None

    def records(self) -> dict[str, str | None]:
        """Records to put (None: delete) since the last call."""
        unsaved, self._unsaved = self._unsaved, {}
        return {name: _write(self._all[name]) if name in self._all else None for name in unsaved}

    def _of(self, name: str) -> Life:
        return self._all.setdefault(name, Life())


def _write(life: Life) -> str:
    history: list[codec.Json] = [
        [round(t.time, 3), "" if t.before is None else t.before.value, t.after.value, t.reason, t.path]
        for t in life.history
    ]
    data: dict[str, codec.Json] = {"admitted": life.admitted, "displaced": life.displaced, "history": history}
    return codec.dumps(data | {"pin": list(life.pin)} if life.pin else data)


def _read(text: str) -> Life:
    try:
        data = codec.loads(text)
        if not isinstance(data, dict):
            return Life()
        history = tuple(
            Transition(float(time), State(before) if before else None, State(after), str(reason), str(path))
            for time, before, after, reason, path in data.get("history", ())
        )
        pin = tuple(map(str, data.get("pin", ())))
        return Life(bool(data.get("admitted")), str(data.get("displaced", "")), history[-HISTORY:], pin)
    except (SdnError, ValueError, TypeError):
        return Life()
