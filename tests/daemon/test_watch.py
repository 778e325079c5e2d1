"""The history of changes: resumed without a gap or refused, filters, bounds, and numbers over restarts."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable, Iterator
from typing import Literal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sdn.controller.effects import Publish
from sdn.controller.reader import Watched
from sdn.controller.statuses import DONE
from sdn.daemon import revisions, watch
from sdn.daemon.watch import WatchHub
from sdn.model.errors import Gone, StorageFull, Unavailable
from sdn.model.ids import Kind
from sdn.model.intent import Resource, Tenant
from sdn.model.selector import Selector, parse_selector
from sdn.model.status import ChangeType

FIRST = 1000
SYNCED = ChangeType.SYNCED


def tenant(name: str, **labels: str) -> Tenant:
    return Tenant(name=f"tenants/{name}", labels=tuple(labels.items()))


class World:
    """Objects with a hub that is told of every change."""

    def __init__(self, first: int = FIRST) -> None:
        self.hub = WatchHub(first)
        self.objects: dict[str, Resource] = {}

    def put(self, resource: Resource) -> None:
        before = self.objects.get(resource.name)
        self.objects[resource.name] = resource
        kind = ChangeType.MODIFIED if before else ChangeType.ADDED
        self.hub.publish(Publish(1, kind, resource, DONE, before))

    def delete(self, name: str) -> None:
        before = self.objects.pop(name, None)
        if before is not None:
            self.hub.publish(Publish(1, ChangeType.DELETED, before, DONE))

    def watch(self, start: int = 0, text: str = "", tenant: str = "") -> AsyncIterator[Watched]:
        selector = parse_selector(text)
        return self.hub.watch(Kind.TENANT, tenant, self.existing(selector), selector, start)

    def existing(self, selector: Selector) -> Iterator[Publish]:
        """What there is when the watch begins to be read."""
        for name in sorted(self.objects):
            if selector.matches(self.objects[name].labels):
                yield Publish(1, ChangeType.ADDED, self.objects[name], DONE)


async def until_synced(stream: AsyncIterator[Watched]) -> list[Watched]:
    """All items before the first SYNCED, and that one."""
    found: list[Watched] = []
    async for item in stream:
        found.append(item)
        if item.type is SYNCED:
            return found
    raise AssertionError("ended")


def told(items: Iterable[Watched]) -> list[tuple[str, str, int]]:
    return [(i.type.value, i.resource.name if i.resource else "", i.revision) for i in items]


async def test_a_snapshot_has_no_revisions_and_ends_with_one() -> None:
    world = World()
    world.put(tenant("a"))
    world.put(tenant("b"))
    found = told(await until_synced(world.watch()))
    assert found == [("ADDED", "tenants/a", 0), ("ADDED", "tenants/b", 0), ("SYNCED", "", FIRST + 2)]


async def test_a_watch_goes_on_behind_a_revision() -> None:
    world = World()
    world.put(tenant("a"))
    world.put(tenant("b"))
    world.delete("tenants/a")
    expected = [("ADDED", "tenants/b", FIRST + 2), ("DELETED", "tenants/a", FIRST + 3), ("SYNCED", "", FIRST + 3)]
    assert told(await until_synced(world.watch(FIRST + 1))) == expected
    assert told(await until_synced(world.watch(FIRST + 3))) == [("SYNCED", "", FIRST + 3)]
    assert len(await until_synced(world.watch(FIRST))) == 4


@pytest.mark.parametrize(
    ("start", "says"),
    [
        (FIRST - 1, "before the last start"),
        (1, "before the last start"),
        (FIRST, "not kept any more, only those since 1007"),
        (FIRST + 6, "not kept any more"),
        (FIRST + 11, "there is no revision 1011 yet; the newest is 1010"),
        (2**64 - 1, "yet"),
    ],
)
async def test_what_cannot_be_resumed_is_told(start: int, says: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watch, "MAX_BEHIND", 3)
    world = World()
    for n in range(10):
        world.put(tenant(f"t{n}"))
    with pytest.raises(Gone, match=says) as caught:
        await anext(world.watch(start))
    (violation,) = caught.value.violations
    assert violation.field == "from_revision"
    assert violation.remedy == "List the objects and watch anew from 0."
    assert len(await until_synced(world.watch(FIRST + 7))) == 4


async def test_what_leaves_a_selection_is_deleted_and_what_enters_it_added() -> None:
    world = World()
    world.put(tenant("a", env="prod"))
    world.put(tenant("b", env="dev"))
    stream = world.watch(text="env=prod")
    assert told(await until_synced(stream))[0] == ("ADDED", "tenants/a", 0)
    world.put(tenant("b", env="prod"))
    world.put(tenant("b", env="prod", x="y"))
    world.put(tenant("c", env="dev"))
    world.put(tenant("c", env="test"))
    world.delete("tenants/c")
    world.put(tenant("a", env="dev"))
    world.put(tenant("a", env="test"))
    world.delete("tenants/b")
    found = [await anext(stream) for _ in range(4)]
    assert [item[:2] for item in told(found)] == [
        ("ADDED", "tenants/b"),
        ("MODIFIED", "tenants/b"),
        ("DELETED", "tenants/a"),
        ("DELETED", "tenants/b"),
    ]
    assert found[2].resource is not None
    assert found[2].resource.labels == (("env", "dev"),), "as it is now"


async def test_a_watcher_that_sees_little_is_told_the_revision_now_and_then(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watch, "MAX_SILENCE", 10)
    world = World()
    stream = world.watch(tenant="a")
    assert told(await until_synced(stream)) == [("SYNCED", "", FIRST)]
    for n in range(25):
        world.put(tenant(f"t{n}"))
    world.put(tenant("a"))
    found = told([await anext(stream) for _ in range(3)])
    assert found == [("SYNCED", "", FIRST + 10), ("SYNCED", "", FIRST + 20), ("ADDED", "tenants/a", FIRST + 26)]


async def test_long_texts_make_the_history_shorter(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watch, "MAX_TEXT", 1000)
    world = World()
    for n in range(10):
        world.put(tenant("a", text="x" * 196, n=str(n)))
    assert len(await until_synced(world.watch(FIRST + 6))) == 5
    with pytest.raises(Gone):
        await anext(world.watch(FIRST + 4))
    world.put(tenant("a", text="x" * 5000))
    assert len(await until_synced(world.watch(FIRST + 10))) == 2, "the newest is always kept"


class Counted(asyncio.Event):
    """Knows how many wait for it, and tells when all who are expected do."""

    def __init__(self, expected: int) -> None:
        super().__init__()
        self.missing, self.all_there = expected, asyncio.Event()

    async def wait(self) -> Literal[True]:
        self.missing -= 1
        if not self.missing:
            self.all_there.set()
        return await super().wait()


async def test_watchers_wake_up_and_see_the_same() -> None:
    world = World()
    streams = [world.watch() for _ in range(3)]
    for stream in streams:
        await until_synced(stream)
    world.hub._more = more = Counted(len(streams))
    waiting = [asyncio.ensure_future(anext(stream)) for stream in streams]
    await asyncio.wait_for(more.all_there.wait(), 10)
    world.put(tenant("a"))
    assert len({item.revision for item in await asyncio.gather(*waiting)}) == 1
    world.put(tenant("b"))
    assert [(await anext(stream)).revision for stream in streams] == [FIRST + 2] * 3


LABELS = st.dictionaries(st.sampled_from("xy"), st.sampled_from("12"))
STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("put"), st.sampled_from("abc"), LABELS),
        st.tuples(st.just("delete"), st.sampled_from("abc"), st.just({})),
        st.tuples(st.just("read"), st.just(""), st.just({})),
        st.tuples(st.just("break"), st.just(""), st.just({})),
    ),
    max_size=40,
)


@settings(deadline=None)
@given(STEPS, st.sampled_from(["", "x=1", "x!=1", "y", "!y,x in (1,2)"]), st.integers(1, 8))
def test_a_view_kept_by_watching_is_right_whatever_breaks(
    steps: list[tuple[str, str, dict[str, str]]], text: str, kept: int
) -> None:
    """Reads until synced at some points, goes on from the last revision after breaks, begins anew when it must."""

    async def follow(patch: pytest.MonkeyPatch) -> None:
        patch.setattr(watch, "MAX_BEHIND", kept)
        world, selector = World(), parse_selector(text)
        view: dict[str, Resource] = {}
        revision, stream = 0, world.watch(0, text)
        for verb, name, labels in [*steps, ("break", "", {}), ("read", "", {})]:
            if verb == "put":
                world.put(tenant(name, **labels))
            elif verb == "delete":
                world.delete(f"tenants/{name}")
            elif verb == "break":
                stream = world.watch(revision, text)
            else:
                try:
                    revision = await read(stream, view, revision)
                except (Gone, Unavailable):
                    view.clear()
                    revision = await read(world.watch(0, text), view, 0)
                expected = {n: r for n, r in world.objects.items() if selector.matches(r.labels)}
                assert view == expected
                stream = world.watch(revision, text)

    async def read(stream: AsyncIterator[Watched], view: dict[str, Resource], revision: int) -> int:
        for item in await until_synced(stream):
            if item.type is ChangeType.DELETED and item.resource is not None:
                assert view.pop(item.resource.name, None) is not None
            elif item.resource is not None:
                assert (item.resource.name in view) is (item.type is ChangeType.MODIFIED)
                view[item.resource.name] = item.resource
            assert item.revision >= revision or item.revision == 0
            revision = item.revision or revision
        return revision

    with pytest.MonkeyPatch.context() as patch:
        asyncio.run(follow(patch))


class Journal:
    def __init__(self) -> None:
        self.records: dict[str, dict[str, str]] = {}
        self.full = False

    def commit(self, puts: Iterable[tuple[str, str, str]], deletes: Iterable[tuple[str, str]]) -> None:
        if self.full:
            raise StorageFull.of("state_dir", "the disk is full", "Make room.")
        for bucket, key, text in puts:
            self.records.setdefault(bucket, {})[key] = text


@pytest.mark.parametrize("clock", [[100.0, 200.0, 300.0], [300.0, 200.0, 100.0], [0.0, 0.0, 0.0]])
def test_no_revision_of_an_earlier_life_is_given_again_whatever_the_clock_does(clock: list[float]) -> None:
    journal, last = Journal(), 0
    for wall in clock:
        first = revisions.begin(journal.records, journal, wall)
        assert first > last
        last = first + revisions.MOST_CHANGES - 1


async def test_without_room_on_the_disk_there_are_no_revisions_and_none_is_resumed() -> None:
    journal = Journal()
    before = revisions.begin(journal.records, journal, 100.0)
    journal.full = True
    world = World(revisions.begin(journal.records, journal, 200.0))
    world.put(tenant("a"))
    stream = world.watch()
    assert told(await until_synced(stream)) == [("ADDED", "tenants/a", 0), ("SYNCED", "", 0)]
    world.put(tenant("b"))
    assert told([await anext(stream)]) == [("ADDED", "tenants/b", 0)]
    for start in (1, 2, before, before + 1):
        with pytest.raises(Gone, match="have no revisions"):
            await anext(world.watch(start))
    journal.full = False
    assert revisions.begin(journal.records, journal, 300.0) > before + 1


def test_a_damaged_or_missing_record_of_the_beginning_does_no_harm() -> None:
    for text in ("", "x", "-5", "9" * 40):
        assert revisions.begin({"watch": {"first": text}}, Journal(), 5.0) >= 5_000_000
