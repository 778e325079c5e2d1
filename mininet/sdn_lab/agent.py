# ruff: noqa: D102 - what the methods of queries do is said in Query
"""Runs inside a host's network namespace: sends test packets, answers those of others, and notes what came.

Standard library only. Commands come as JSON, one a line, on the standard input, answers go the same way to the standard
output, each with the ``id`` of its command. Every packet carries a tag, so that with overlapping addresses it is known
whose packet arrived where: ``seen`` tells the tags that came to this host by ICMP, UDP, TCP or broadcast.

Commands: ping, udp, tcp (targets: [[tag, address], …], timeout: seconds) → answered: {tag: who}; stream (target,
interval, count) → sent, lost, gap (seconds); broadcast (address, tag); frames (frames: [hex, …]) sends whole Ethernet
frames, forged ones too; seen → tags, and frames: the tags in any frame on the wire, whoever it was for.
"""

from __future__ import annotations

import contextlib
import json
import os
import selectors
import socket
import struct
import sys
import time
from abc import ABC, abstractmethod

PORT = 7777
MARK = b"sdn-lab:"
_TAG_BYTES = 32
_ETH_P_ALL = 3
_PACKET_OUTGOING = 4
_ICMP_ECHO, _ICMP_REPLY, _ICMP6_ECHO, _ICMP6_REPLY = 8, 0, 128, 129


class Agent:
    """One host. name: what this agent answers when it is asked who it is."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.selector = selectors.DefaultSelector()
        self.seen: set[str] = set()
        self.sniffed: set[str] = set()
        self.pending: list[Query] = []
        self.input = b""
        self.icmp4 = self._listen(socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_ICMP), self.on_icmp)
        self.icmp6 = self._listen(socket.socket(socket.AF_INET6, socket.SOCK_RAW, socket.IPPROTO_ICMPV6), self.on_icmp)
        self.udp = self._listen(socket.socket(socket.AF_INET6, socket.SOCK_DGRAM), self.on_udp)
        self.udp.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
        self.udp.bind(("::", PORT))
        self.tcp = self._listen(socket.socket(socket.AF_INET6, socket.SOCK_STREAM), self.on_accept)
        self.tcp.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.tcp.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
        self.tcp.bind(("::", PORT))
        self.tcp.listen(256)
        self.wire = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(_ETH_P_ALL))
        self.wire.bind((f"{name}-eth0", _ETH_P_ALL))
        self._listen(self.wire, self.on_frame)
        os.set_blocking(0, False)
        self.selector.register(0, selectors.EVENT_READ, self.on_command)

    def _listen(self, sock: socket.socket, handler: object) -> socket.socket:
        sock.setblocking(False)
        if sock.type != socket.SOCK_STREAM:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4 << 20)
        self.selector.register(sock, selectors.EVENT_READ, handler)
        return sock

    def run(self) -> None:
        """Work until the standard input ends."""
        self.say({"id": 0, "ready": True})
        while True:
            wake = min((q.next_time() for q in self.pending), default=None)
            timeout = None if wake is None else max(0.0, wake - time.monotonic())
            for key, _ in self.selector.select(timeout):
                key.data(key.fileobj)
            now = time.monotonic()
            for query in [q for q in self.pending if q.advance(now)]:
                self.pending.remove(query)
                self.say({"id": query.id, **query.result()})

    def say(self, message: dict[str, object]) -> None:
        """Write an answer."""
        os.write(1, json.dumps(message).encode() + b"\n")

    def on_command(self, _: object) -> None:
        """Read commands."""
        data = os.read(0, 65536)
        if not data:
            raise SystemExit(0)
        self.input += data
        *lines, self.input = self.input.split(b"\n")
        for line in lines:
            command = json.loads(line)
            if command["op"] == "seen":
                self.on_frame(self.wire)
                self.say({"id": command["id"], "tags": sorted(self.seen), "frames": sorted(self.sniffed)})
                self.seen.clear()
                self.sniffed.clear()
            elif command["op"] == "frames":
                for text in command["frames"]:
                    self.wire.send(bytes.fromhex(text))
                self.say({"id": command["id"]})
            elif command["op"] == "broadcast":
                self.broadcast(command["address"], command["tag"])
                self.say({"id": command["id"]})
            else:
                self.pending.append(QUERIES[command["op"]](self, command))

    def broadcast(self, address: str, tag: str) -> None:
        """Send a tag to a broadcast or multicast address."""
        family = socket.AF_INET6 if ":" in address else socket.AF_INET
        with socket.socket(family, socket.SOCK_DGRAM) as sock:
            if family == socket.AF_INET:
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_BROADCAST, 1)
            sock.sendto(message(tag), (address, PORT))

    def on_icmp(self, sock: socket.socket) -> None:
        """Echo requests to us (the kernel answers them) and replies to ours."""
        for data, _ in drain(sock):
            at = 0
            if sock is self.icmp4:
                at = (data[0] & 15) * 4
            tag = tag_of(data[at + 8 :])
            if tag is None or len(data) < at + 8:
                continue
            if data[at] in (_ICMP_ECHO, _ICMP6_ECHO):
                self.seen.add(tag)
            elif data[at] in (_ICMP_REPLY, _ICMP6_REPLY):
                self.answered(tag, "")

    def on_frame(self, sock: socket.socket) -> None:
        """Whatever comes by wire, for us or not."""
        for data, address in drain(sock):
            at = data.find(MARK)
            tag = tag_of(data[at:]) if at >= 0 and address[2] != _PACKET_OUTGOING else None
            if tag is not None:
                self.sniffed.add(tag)

    def on_udp(self, sock: socket.socket) -> None:
        """Questions are answered with our name."""
        for data, address in drain(sock):
            tag = tag_of(data)
            if tag is not None:
                self.seen.add(tag)
                send(sock, message(tag) + self.name.encode(), address)

    def on_accept(self, sock: socket.socket) -> None:
        """Each connection hears our name and is closed."""
        while True:
            try:
                connection, _ = sock.accept()
            except BlockingIOError:
                return
            connection.setblocking(False)
            self.selector.register(connection, selectors.EVENT_READ, self.on_connection)

    def on_connection(self, connection: socket.socket) -> None:
        """Read the tag, answer."""
        try:
            data = connection.recv(256)
            tag = tag_of(data)
            if tag is not None:
                self.seen.add(tag)
                connection.send(self.name.encode())
        except OSError:
            pass  # reset by the peer
        self.selector.unregister(connection)
        connection.close()

    def answered(self, tag: str, who: str) -> None:
        """An answer came."""
        for query in self.pending:
            query.answer(tag, who)


class Query(ABC):
    """Something that waits for answers until a deadline. targets: (tag, address)."""

    def __init__(self, agent: Agent, command: dict[str, object]) -> None:
        self.agent = agent
        self.id = command["id"]
        self.targets: list[list[str]] = command.get("targets", [])  # type: ignore[assignment]
        self.deadline = time.monotonic() + float(command.get("timeout", 1.0))  # type: ignore[arg-type]
        self.got: dict[str, str] = {}
        self.send()

    @abstractmethod
    def send(self) -> None:
        """Send to all targets."""

    def answer(self, tag: str, who: str) -> None:
        """An answer with this tag came."""
        if any(tag == t for t, _ in self.targets):
            self.got.setdefault(tag, who)

    def next_time(self) -> float:
        """When ``advance`` must be called at the latest."""
        return self.deadline

    def advance(self, now: float) -> bool:
        """Whether this is over."""
        over = len(self.got) == len(self.targets) or now >= self.deadline
        if over:
            self.close()
        return over

    def result(self) -> dict[str, object]:
        """The answer to the command."""
        return {"answered": self.got}

    @abstractmethod
    def close(self) -> None:
        """Give sockets of its own back."""


class Ping(Query):
    """ICMP echo."""

    def send(self) -> None:
        for number, (tag, address) in enumerate(self.targets):
            six = ":" in address
            head = struct.pack(
                "!BBHHH", _ICMP6_ECHO if six else _ICMP_ECHO, 0, 0, os.getpid() & 0xFFFF, number & 0xFFFF
            )
            packet = head + message(tag)
            if not six:  # for ICMPv6 the kernel computes it
                packet = packet[:2] + struct.pack("!H", checksum(packet)) + packet[4:]
            send(self.agent.icmp6 if six else self.agent.icmp4, packet, (address, 0))

    def close(self) -> None:
        pass  # the sockets are the agent's


class Udp(Query):
    """UDP question and answer; the answer says who gave it."""

    def send(self) -> None:
        self.sockets = {f: socket.socket(f, socket.SOCK_DGRAM) for f in (socket.AF_INET, socket.AF_INET6)}
        for sock in self.sockets.values():
            sock.setblocking(False)
            self.agent.selector.register(sock, selectors.EVENT_READ, self.on_answer)
        for tag, address in self.targets:
            family = socket.AF_INET6 if ":" in address else socket.AF_INET
            send(self.sockets[family], message(tag), (address, PORT))

    def on_answer(self, sock: socket.socket) -> None:
        for data, _ in drain(sock):
            tag = tag_of(data)
            if tag is not None:
                self.answer(tag, data[len(MARK) + _TAG_BYTES :].decode(errors="replace"))

    def close(self) -> None:
        for sock in self.sockets.values():
            self.agent.selector.unregister(sock)
            sock.close()


class Tcp(Query):
    """A TCP connection per target, over which the peer says its name."""

    def send(self) -> None:
        self.sockets: dict[socket.socket, str] = {}
        for tag, address in self.targets:
            sock = socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET)
            sock.setblocking(False)
            if sock.connect_ex((address, PORT)) not in (0, 115):  # EINPROGRESS
                sock.close()
                continue
            self.sockets[sock] = tag
            self.agent.selector.register(sock, selectors.EVENT_WRITE, self.on_connected)

    def on_connected(self, sock: socket.socket) -> None:
        if sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR):
            return self.drop(sock)
        sock.send(message(self.sockets[sock]))
        self.agent.selector.modify(sock, selectors.EVENT_READ, self.on_answer)
        return None

    def on_answer(self, sock: socket.socket) -> None:
        try:
            data = sock.recv(256)
        except OSError:
            data = b""
        if data:
            self.answer(self.sockets[sock], data.decode(errors="replace"))
        self.drop(sock)

    def drop(self, sock: socket.socket) -> None:
        self.agent.selector.unregister(sock)
        self.sockets.pop(sock)
        sock.close()

    def close(self) -> None:
        for sock in list(self.sockets):
            self.drop(sock)


class Stream(Udp):
    """``count`` UDP questions to one address, one every ``interval`` seconds: the number lost and the longest gap."""

    def __init__(self, agent: Agent, command: dict[str, object]) -> None:
        self.target = str(command["target"])
        self.interval = float(command["interval"])  # type: ignore[arg-type]
        self.count = int(command["count"])  # type: ignore[call-overload]
        self.start = time.monotonic()
        self.sent = 0
        self.last = 0.0
        """When the last answer came, in seconds from the start."""
        self.gap = 0.0
        super().__init__(agent, command)
        self.deadline = self.start + self.count * self.interval + float(command.get("timeout", 1.0))  # type: ignore[arg-type]

    def answer(self, tag: str, who: str) -> None:
        if not tag.startswith(f"s{self.id}-"):
            return
        now = time.monotonic() - self.start
        self.gap = max(self.gap, now - self.last)
        self.last = now
        self.got[tag] = who

    def next_time(self) -> float:
        return self.deadline if self.sent >= self.count else self.start + self.sent * self.interval

    def advance(self, now: float) -> bool:
        family = socket.AF_INET6 if ":" in self.target else socket.AF_INET
        while self.sent < self.count and now >= self.start + self.sent * self.interval:
            send(self.sockets[family], message(f"s{self.id}-{self.sent}"), (self.target, PORT))
            self.sent += 1
        over = len(self.got) >= self.count or now >= self.deadline
        if over:
            self.close()
        return over

    def result(self) -> dict[str, object]:
        silence = self.count * self.interval - self.last
        return {"sent": self.sent, "lost": self.sent - len(self.got), "gap": max(self.gap, silence)}


QUERIES = {"ping": Ping, "udp": Udp, "tcp": Tcp, "stream": Stream}


def message(tag: str) -> bytes:
    """The payload that carries a tag."""
    return MARK + tag.encode()[:_TAG_BYTES].ljust(_TAG_BYTES, b"\0")


def tag_of(data: bytes) -> str | None:
    """The tag of a payload; None for packets of others."""
    if not data.startswith(MARK) or len(data) < len(MARK) + _TAG_BYTES:
        return None
    return data[len(MARK) : len(MARK) + _TAG_BYTES].rstrip(b"\0").decode(errors="replace")


def drain(sock: socket.socket) -> list[tuple[bytes, tuple[object, ...]]]:
    """All datagrams that wait."""
    found = []
    while True:
        try:
            found.append(sock.recvfrom(4096))
        except OSError:  # none left, or an ICMP error for one we sent
            return found


def send(sock: socket.socket, data: bytes, address: tuple[object, ...]) -> None:
    """Send, or lose the packet when there is no route or no room: the asker sees it by the missing answer."""
    with contextlib.suppress(OSError):
        sock.sendto(data, address)


def checksum(data: bytes) -> int:
    """The Internet checksum (RFC 1071)."""
    total = sum(struct.unpack(f"!{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF


if __name__ == "__main__":
    Agent(sys.argv[1]).run()
