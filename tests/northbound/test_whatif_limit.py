"""What-if questions: only so many at a time, and lists of bounded length."""

from __future__ import annotations

from collections.abc import Iterator

import grpc
import pytest
from fake_backend import FakeBackend

from sdn.client import ApiError
from sdn.client.aio import AsyncClient
from sdn.model.whatif import Consequence, FailureKind, WhatIfQuery
from sdn.northbound.whatif import MAX_AT_ONCE, MAX_NAMED


async def test_only_so_many_at_a_time(backend: FakeBackend, client: AsyncClient) -> None:
    def what_if(query: WhatIfQuery) -> Iterator[Consequence | None]:
        yield Consequence(FailureKind.LINK, "x", (), ())
        while not done:
            yield None

    done: list[bool] = []
    backend.fake.what_if = what_if  # type: ignore[attr-defined]
    running = [client.what_if() for _ in range(MAX_AT_ONCE)]
    for one in running:
        assert (await anext(one)).name == "x"
    with pytest.raises(ApiError) as error:
        await anext(client.what_if())
    assert error.value.code is grpc.StatusCode.RESOURCE_EXHAUSTED
    done.append(True)
    for one in running:
        assert [item async for item in one] == []
    assert (await anext(client.what_if())).name == "x"


async def test_names_are_bounded(client: AsyncClient) -> None:
    with pytest.raises(ApiError, match=f"at most {MAX_NAMED}"):
        await anext(client.what_if(switches=["s"] * (MAX_NAMED + 1)))
    with pytest.raises(ApiError, match=r"links\[0\]"):
        await anext(client.what_if(links=["x" * 400]))
