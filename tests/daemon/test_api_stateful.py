"""Random calls of the API over a socket against a model of it, with restarts of the daemon in between.

Everything from gRPC to SQLite is real but the switches, of which there are none.
"""

from __future__ import annotations

import asyncio
import tempfile
import threading
from collections.abc import Callable, Coroutine
from pathlib import Path
from time import monotonic
from typing import Any

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from sdn.client import ApiError, Client, unwrap
from sdn.controller.core import Controller
from sdn.controller.questions.views import Views
from sdn.controller.settings import Settings
from sdn.daemon import revisions
from sdn.daemon.engine import Engine
from sdn.model.selector import parse_selector
from sdn.northbound import Server
from sdn.persist import Journal
from sdn.v1 import resources_pb2 as pb
from sdn.v1 import services_pb2 as spb

QUOTA = 2
TENANTS = st.sampled_from(["tenants/a", "tenants/b"])
LABELS = st.dictionaries(st.sampled_from(["env", "x"]), st.sampled_from(["1", "2"]), max_size=2)
FILTERS = st.sampled_from(["", "env=1", "env!=1", "!x", "x,env in (1,2)"])


class Daemon:
    """A daemon in a thread; ``restart`` makes a new one on the same files."""

    def __init__(self) -> None:
        self._directory = tempfile.TemporaryDirectory()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()
        self.client = Client(self._do(self._start()), timeout=20)

    def _do(self, coroutine: Coroutine[Any, Any, Any]) -> Any:
        return asyncio.run_coroutine_threadsafe(coroutine, self._loop).result(30)

    async def _start(self) -> str:
        self._journal = Journal(Path(self._directory.name)).__enter__()
        records = self._journal.load()
        first = revisions.begin(records, self._journal, 1.0)
        controller = Controller(
            records, key=b"k" * 32, random_bytes=bytes, now=monotonic(), settings=Settings(start_grace=0.0)
        )
        engine = Engine(controller, Views(controller, "test", 0.0), self._journal, lambda effect: None, first=first)
        self._running = asyncio.create_task(engine.run())
        self._server = Server(engine, "127.0.0.1:0")
        return f"127.0.0.1:{await self._server.start()}"

    async def _stop(self) -> None:
        await self._server.stop(0)
        self._running.cancel()
        await asyncio.wait([self._running])
        self._journal.__exit__(None, None, None)

    def restart(self) -> None:
        """All that is not durable is lost."""
        self.client.close()
        self._do(self._stop())
        self.client = Client(self._do(self._start()), timeout=20)

    def close(self) -> None:
        """The end of it."""
        self.client.close()
        self._do(self._stop())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)
        self._loop.close()
        self._directory.cleanup()


def tenant_of(name: str) -> str:
    return "/".join(name.split("/")[:2])


def make(name: str, labels: dict[str, str]) -> Any:
    """A wish: a tenant, a network, or a port on the network n0."""
    metadata = pb.Metadata(labels=labels)
    if "/networks/" in name:
        return pb.Network(name=name, metadata=metadata)
    if "/ports/" in name:
        return pb.Port(name=name, network="n0", metadata=metadata)
    return pb.Tenant(name=name, metadata=metadata, quota=pb.Quota(networks=QUOTA))


def stored(message: Any) -> Any:
    """An object without what changes although nobody writes it."""
    message = type(message).FromString(message.SerializeToString())
    for field in ("status", "usage", "limits"):
        if field in message.DESCRIPTOR.fields_by_name:
            message.ClearField(field)
    return message


def outcome(call: Callable[[], Any]) -> tuple[Any, ApiError | None]:
    """The answer of a call, or why it was refused."""
    try:
        return call(), None
    except ApiError as error:
        return None, error


@st.composite
def names(draw: st.DrawFn) -> str:
    tenant = draw(TENANTS)
    rest = st.sampled_from(["", "/networks/n0", "/networks/n1", "/networks/n2", "/ports/p0", "/ports/p1"])
    return tenant + draw(rest)


class Api(RuleBasedStateMachine):
    """known: what must be there, as answered last, by name. view: what a watcher of all networks believes."""

    @initialize()
    def begin(self) -> None:
        self.daemon = Daemon()
        self.known: dict[str, Any] = {}
        self.answers: dict[str, tuple[Callable[[], Any], Any]] = {}
        self.view: dict[str, Any] = {}
        self.revision = 0

    def teardown(self) -> None:
        if hasattr(self, "daemon"):
            self.daemon.close()

    @property
    def client(self) -> Client:
        return self.daemon.client

    # ---- the model -----------------------------------------------------------------------------------------------

    def problem(self, after: dict[str, Any]) -> str:
        """What is wrong with a state, as a status code; '' if nothing is."""
        for name, message in after.items():
            needed = [tenant_of(name)] if name != tenant_of(name) else []
            needed += [f"{tenant_of(name)}/networks/n0"] if isinstance(message, pb.Port) else []
            if any(other not in after for other in needed):
                return "NOT_FOUND" if name not in self.known else "FAILED_PRECONDITION"
        for tenant in {tenant_of(name) for name in after}:
            grown = self.networks(after, tenant)
            if grown > QUOTA and grown > self.networks(self.known, tenant):
                return "RESOURCE_EXHAUSTED"
        return ""

    @staticmethod
    def networks(state: dict[str, Any], tenant: str) -> int:
        return sum(name.startswith(f"{tenant}/networks/") for name in state)

    def expect(self, code: str, call: Callable[[], Any]) -> Any:
        """The answer; None if it was refused with this code, as it should be."""
        answer, error = outcome(call)
        assert (error.code.name if error else "") == code, error
        assert error is None or error.violations
        return answer

    # ---- single objects ------------------------------------------------------------------------------------------

    @rule(name=names(), labels=LABELS, number=st.integers(0, 10**9))
    def create(self, name: str, labels: dict[str, str], number: int) -> None:
        wish = make(name, labels)
        code = "ALREADY_EXISTS" if name in self.known else self.problem({**self.known, name: wish})
        request_id = f"r{number}" if f"r{number}" not in self.answers else ""

        def call() -> Any:
            return self.client.of_name(name).create(wish, request_id=request_id)

        answer = self.expect(code, call)
        if answer is not None:
            assert dict(answer.metadata.labels) == labels
            self.known[name] = stored(answer)
            if request_id:
                self.answers[request_id] = call, stored(answer)

    @rule(name=names(), labels=LABELS, etag=st.sampled_from(["none", "right", "wrong"]))
    def update(self, name: str, labels: dict[str, str], etag: str) -> None:
        wish, before = make(name, labels), self.known.get(name)
        if etag != "none":
            right = before.metadata.etag if before is not None else "1"
            wish.metadata.etag = right if etag == "right" else str(int(right) + 10**6)
        code = "NOT_FOUND" if before is None else "ABORTED" if etag == "wrong" else ""
        answer = self.expect(code, lambda: self.client.of_name(name).update(wish, mask=["metadata.labels"]))
        if answer is not None:
            assert dict(answer.metadata.labels) == labels
            same = dict(before.metadata.labels) == labels
            assert (answer.metadata.etag == before.metadata.etag) is same
            self.known[name] = stored(answer)

    @rule(name=names(), etag=st.sampled_from(["none", "right", "wrong"]))
    def delete(self, name: str, etag: str) -> None:
        before = self.known.get(name)
        given = "" if etag == "none" else "1" if before is None else before.metadata.etag
        if etag == "wrong":
            given = str(int(given) + 10**6)
        after = {other: message for other, message in self.known.items() if other != name}
        code = "NOT_FOUND" if before is None else "ABORTED" if etag == "wrong" else self.problem(after)
        self.expect(code, lambda: self.client.of_name(name).delete(name, etag=given))
        if not code:
            self.known = after

    # ---- several -------------------------------------------------------------------------------------------------

    @rule(puts=st.dictionaries(names(), LABELS, max_size=5), deletes=st.sets(names(), max_size=3), dry=st.booleans())
    def apply(self, puts: dict[str, dict[str, str]], deletes: set[str], dry: bool) -> None:
        gone = sorted(name for name in deletes if name in self.known and name not in puts)
        wishes = [make(name, labels) for name, labels in puts.items()]
        after = {name: message for name, message in self.known.items() if name not in gone}
        after.update({wish.name: wish for wish in wishes})
        code = self.problem(after)
        answer, error = outcome(lambda: self.client.apply(wishes, gone, dry_run=dry))
        assert bool(error) is bool(code), (code, error)
        if error is not None:
            assert error.code.name in ("NOT_FOUND", "FAILED_PRECONDITION", "RESOURCE_EXHAUSTED")
            return
        changed = {w.name for w in wishes if not self.same(w)} | set(gone)
        assert set(answer.changed) == changed
        if dry:
            told = {change.name: spb.ChangeType.Name(change.type) for change in answer.changes}
            created = {name: "ADDED" for name in changed if name not in self.known}
            assert told == {**dict.fromkeys(changed, "MODIFIED"), **created, **dict.fromkeys(gone, "DELETED")}
            return
        for name in gone:
            del self.known[name]
        self.known.update({(message := unwrap(item)).name: stored(message) for item in answer.resources})

    def same(self, wish: Any) -> bool:
        before = self.known.get(wish.name)
        return before is not None and dict(before.metadata.labels) == dict(wish.metadata.labels)

    @rule(data=st.data())
    def repeat(self, data: st.DataObject) -> None:
        """A request that was answered before is answered the same, and does nothing."""
        if self.answers:
            call, answer = self.answers[data.draw(st.sampled_from(sorted(self.answers)))]
            assert stored(call()) == answer

    # ---- the daemon ----------------------------------------------------------------------------------------------

    @rule()
    def restart(self) -> None:
        self.daemon.restart()

    @rule()
    def watch(self) -> None:
        """Go on from where the watcher was; begin anew when it must."""
        _, error = outcome(lambda: self.read(self.revision))
        if error is not None:
            assert (error.code.name, error.reason) == ("OUT_OF_RANGE", "Gone")
            self.view.clear()
            self.read(0)
        assert self.view == {n: m for n, m in self.known.items() if isinstance(m, pb.Network)}

    def read(self, revision: int) -> None:
        with self.client.networks.watch(from_revision=revision, synced=True) as changes:
            for change in changes:
                if change.type == "SYNCED":
                    break
                if change.type == "DELETED":
                    del self.view[change.resource.name]
                else:
                    self.view[change.resource.name] = stored(change.resource)
            self.revision = changes.revision

    @rule(text=FILTERS, size=st.integers(1, 3))
    def filtered(self, text: str, size: int) -> None:
        selector = parse_selector(text)
        for kind in ("Tenant", "Network", "Port"):
            expected = sorted(
                name
                for name, message in self.known.items()
                if message.DESCRIPTOR.name == kind and selector.matches(tuple(message.metadata.labels.items()))
            )
            found = self.client.of_kind(kind).iterate(page_size=size, selector=text)
            assert [message.name for message in found] == expected

    @invariant()
    def everything_is_there(self) -> None:
        if not hasattr(self, "daemon"):
            return
        kinds = ("tenants", "networks", "ports")
        found = {m.name: m for kind in kinds for m in getattr(self.client, kind).list()}
        assert {name: stored(message) for name, message in found.items()} == self.known
        for name, message in found.items():
            if isinstance(message, pb.Tenant):
                assert message.usage.networks == self.networks(self.known, name)
                assert message.limits.networks == QUOTA


TestApi = Api.TestCase
TestApi.settings = settings(max_examples=20, stateful_step_count=40, deadline=None)
