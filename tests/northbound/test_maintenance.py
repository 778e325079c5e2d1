"""SetMaintenance, GetMaintenance and ForgetSwitch over a real socket: what is asked, and what is refused."""

from __future__ import annotations

from collections.abc import Iterator

import grpc
import pytest
from fake_backend import ServerThread

from sdn.client import ApiError, Client, maintenance_target
from sdn.model.maintenance import Target
from sdn.v1 import topology_pb2 as tpb


@pytest.fixture
def server() -> Iterator[ServerThread]:
    thread = ServerThread()
    try:
        yield thread
    finally:
        thread.close()


@pytest.fixture
def client(server: ServerThread) -> Client:
    return Client.connect(server.address)


def test_what_is_wished_reaches_the_controller(client: Client, server: ServerThread) -> None:
    with client:
        answer = client.set_maintenance(maintenance_target("leaf1:up1", "spine1"), drained=True)
        assert server.backend.fake.maintained.target == Target(a=("leaf1", "up1"), b=("spine1", ""))
        assert (answer.drained, answer.settled, list(answer.needed_by)) == (True, True, ["leaf2"])
        assert [(item.name, item.reason) for item in answer.staying] == [("tenants/t/connections/c", "no other way")]
        assert answer.target.a == tpb.LinkEnd(switch="leaf1", interface="up1")
        assert client.set_maintenance(maintenance_target("leaf1", "spine1"), cost=7).cost == 7
        assert client.get_maintenance(maintenance_target("leaf1", "spine1")).cost == 7
        assert (
            client.set_maintenance(maintenance_target("leaf1", "spine1"), oversubscription=1.5).oversubscription == 1.5
        )


@pytest.mark.parametrize(
    ("target", "wish", "field"),
    [
        (maintenance_target("leaf1"), {}, "drained"),
        (tpb.MaintenanceTarget(), {"drained": True}, "target"),
        (tpb.MaintenanceTarget(a=tpb.LinkEnd(switch="leaf1")), {"drained": True}, "target.b.switch"),
        (tpb.MaintenanceTarget(switch="x", a=tpb.LinkEnd(switch="y")), {"drained": True}, "target"),
        (maintenance_target("x" * 301), {"drained": True}, "target.switch"),
    ],
)
def test_wrong_requests_name_the_field(
    client: Client, target: tpb.MaintenanceTarget, wish: dict[str, bool], field: str
) -> None:
    with client, pytest.raises(ApiError) as caught:
        client.set_maintenance(target, **wish)  # type: ignore[arg-type]
    assert caught.value.code is grpc.StatusCode.INVALID_ARGUMENT
    assert [violation.field for violation in caught.value.violations] == [field]


def test_what_is_not_there_is_told(client: Client) -> None:
    with client, pytest.raises(ApiError) as caught:
        client.get_maintenance(maintenance_target("leaf9"))
    assert caught.value.code is grpc.StatusCode.NOT_FOUND


def test_a_switch_is_forgotten_or_why_not(client: Client) -> None:
    with client:
        answer = client.forget_switch("leaf9")
        assert (answer.switch, answer.dpid, answer.bound_total) == ("leaf9", "0000000000000009", 101)
        assert list(answer.bound) == ["tenants/t/ports/h9"]
        for switch, code in (("leaf1", grpc.StatusCode.FAILED_PRECONDITION), ("", grpc.StatusCode.INVALID_ARGUMENT)):
            with pytest.raises(ApiError) as caught:
                client.forget_switch(switch)
            assert caught.value.code is code
            assert [violation.field for violation in caught.value.violations] == ["switch"]
