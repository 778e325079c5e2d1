"""From the first byte to a switch that is read back, as a state machine without I/O (OpenFlow 1.3.5, section 6.3).

::

    HELLO ──Hello──► FEATURES ──features reply──► IDENTIFIED ──accept()──► READING ──last reply──► UP
                                                           accept() ► ASKING ──► CLAIMING ──► READING

In IDENTIFIED the owner decides whether this datapath id may connect. With a claim (mastery.py) the switch is asked
whose it is before anything else, and claimed. Port status counts in every state.
"""

from __future__ import annotations

from enum import Enum, auto

from sdn.openflow import encode, wire
from sdn.openflow.errors import AnotherMaster, ProtocolError, error_text
from sdn.openflow.mastery import Claim
from sdn.openflow.messages import (
    EchoRequest,
    Error,
    Features,
    Hello,
    Message,
    MultipartReply,
    PortStatus,
    RoleReply,
)
from sdn.openflow.readback import Contents, Reading

_HELLO_XID = 0  # see encode.hello
_FEATURES_XID, _CONFIG_XID, _ASYNC_XID, _READ_XID = range(2, 6)
_ASK_XID, _CLAIM_XID, _FREE_XID = range(_READ_XID + Reading.size(), _READ_XID + Reading.size() + 3)
_ANOTHER = (
    "another controller is its master, so nothing is written to it; end that one, and start sdnd once with --take-over"
)
_MAX_EARLY = 1024
"""Port status messages before the ports are asked for, when a switch has no reason to send any."""


class State(Enum):
    """Where a handshake is."""

    HELLO = auto()
    FEATURES = auto()
    IDENTIFIED = auto()
    ASKING = auto()
    CLAIMING = auto()
    READING = auto()
    UP = auto()


class Handshake:
    """Give it each message that comes; what its methods return is to be sent. Raises ProtocolError.

    claim: None where a switch need not be claimed; with one, AnotherMaster says that it is another controller's.
    features: from IDENTIFIED on; contents: complete in UP. It uses xids below ``first_free_xid``.
    """

    first_free_xid = _FREE_XID

    def __init__(self, claim: Claim | None = None) -> None:
        self.state = State.HELLO
        self._claim = claim
        self.features: Features | None = None
        self._reading = Reading(_READ_XID, with_ports=True, with_bodies=False)
        self._early = 0

    @property
    def contents(self) -> Contents:
        """What the switch holds, and its ports."""
        return self._reading.contents

    def begin(self) -> bytes:
        """The first message."""
        return encode.hello(_HELLO_XID)

    def accept(self) -> bytes:
        """The datapath id is welcome: configure the switch and read it back."""
        if self.state is not State.IDENTIFIED:
            raise RuntimeError(f"accept() in state {self.state.name}")
        if self._claim is not None:
            self.state = State.ASKING
            return encode.role_request(_ASK_XID, wire.ROLE_NOCHANGE, 0)
        return self._read()

    def _read(self) -> bytes:
        self.state = State.READING
        return encode.set_config(_CONFIG_XID) + encode.set_async(_ASYNC_XID) + self._reading.requests()

    def receive(self, message: Message) -> bytes:
        """Take a message of the switch; returns what is to be sent."""
        match message:
            case EchoRequest():
                return encode.echo_reply(message.xid, message.payload)
            case Error():
                return self._error(message)
            case PortStatus():
                self._port_status(message)
            case Hello() if self.state is State.HELLO:
                return self._hello(message)
            case Features() if self.state is State.FEATURES:
                self._features(message)
            case RoleReply() if self.state in (State.ASKING, State.CLAIMING):
                return self._role(message)
            case MultipartReply() if self.state is State.READING:
                self._reading.reply(message)
                if self._reading.complete:
                    self.state = State.UP
            case _ if self.state is State.HELLO:
                raise ProtocolError("the first message is not Hello")
            case _:
                pass  # Late or unasked: packets, flow removals, answers to a predecessor's echo.
        return b""

    def _hello(self, hello: Hello) -> bytes:
        common = wire.VERSION in hello.versions if hello.versions is not None else hello.version >= wire.VERSION
        if not common:
            offered = f"versions {sorted(hello.versions)}" if hello.versions is not None else f"version {hello.version}"
            raise ProtocolError(
                f"switch offers {offered}, not OpenFlow 1.3 (version 4); enable OpenFlow13 on the bridge"
            )
        self.state = State.FEATURES
        return encode.features_request(_FEATURES_XID)

    def _features(self, features: Features) -> None:
        if features.xid != _FEATURES_XID:
            raise ProtocolError(f"features reply with xid {features.xid} was not asked for")
        if features.auxiliary:
            raise ProtocolError(f"auxiliary connection {features.auxiliary}; only main connections are served")
        if not features.dpid:
            raise ProtocolError("datapath id 0; set other-config:datapath-id of the bridge")
        self.features = features
        self.state = State.IDENTIFIED

    def _role(self, reply: RoleReply) -> bytes:
        assert self._claim is not None
        if self.state is State.CLAIMING:
            if reply.xid != _CLAIM_XID or reply.role != wire.ROLE_MASTER:
                raise ProtocolError(f"switch answers the claim with role {reply.role}")
            return self._read()
        generation = self._claim.generation(reply.generation)
        if generation is None:
            raise AnotherMaster(_ANOTHER)
        self.state = State.CLAIMING
        return encode.role_request(_CLAIM_XID, wire.ROLE_MASTER, generation)

    def _error(self, error: Error) -> bytes:
        if self.state in (State.ASKING, State.CLAIMING) and error.xid in (_ASK_XID, _CLAIM_XID):
            if (error.type, error.code) == (wire.ROLE_FAILED, wire.ROLE_STALE):
                raise AnotherMaster(_ANOTHER)  # which has claimed it in between
            return self._read()  # it knows no roles, and so no other master
        if self.state is State.READING and self._reading.expects(error.xid):
            self._reading.refused(error)
            if self._reading.complete:
                self.state = State.UP
        elif error.xid != _ASYNC_XID or self.state is not State.READING:
            # Asynchronous messages cannot be chosen everywhere; without it a switch sends what is its default.
            text = error_text(error.type, error.code, error.experimenter)
            raise ProtocolError(f"switch reports {text} during the handshake")
        return b""

    def _port_status(self, status: PortStatus) -> None:
        if self.state is not State.READING:
            self._early += 1
            if self._early > _MAX_EARLY:
                raise ProtocolError(f"more than {_MAX_EARLY} port status messages before the handshake goes on")
        self._reading.port_changed(status.port, removed=status.removed)
