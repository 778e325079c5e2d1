"""Totals of tenants' ports and networks."""

from __future__ import annotations

import pytest

from sdn.counters import Book, Growth
from sdn.model.counters import Counted, Counts, PortSample, Rates
from sdn.model.ids import Dpid

WEB, DB = ("tenants/t/networks/web", 1.0), ("tenants/t/networks/db", 1.0)
A, B = ("tenants/t/ports/a", 2.0), ("tenants/t/ports/b", 2.0)


def port(book: Book, port: tuple[str, float], now: float) -> Counted:
    return book.port(*port, now)


def network(book: Book, network: tuple[str, float], now: float) -> Counted:
    return book.network(*network, now)


def grew(book: Book, port: tuple[str, float], network: tuple[str, float], packets: int, at: float) -> None:
    growth = Growth(Counts(packets, tx_bytes=packets * 10), Rates(packets / 10, tx_bits=packets * 8.0))
    book.grew(port, network, growth, PortSample(Dpid(1), {}, at, 1000 + at))


@pytest.fixture
def book() -> Book:
    book = Book(30)
    grew(book, A, WEB, 10, 0)
    grew(book, A, WEB, 20, 10)
    grew(book, B, WEB, 5, 11)
    return book


def test_a_network_is_its_ports_together(book: Book) -> None:
    assert port(book, A, 11) == Counted(Counts(30, tx_bytes=300), Rates(2.0, tx_bits=160.0), 1010)
    assert network(book, WEB, 11) == Counted(Counts(35, tx_bytes=350), Rates(2.5, tx_bits=200.0), 1011)
    assert book.port("tenants/t/ports/x", 2.0, 11) == network(book, DB, 11) == Counted()


def test_rates_of_a_network_are_those_of_ports_that_are_observed(book: Book) -> None:
    assert network(book, WEB, 40.5).rates.rx_packets == 0.5
    assert network(book, WEB, 42).rates == Rates()
    assert network(book, WEB, 42).counts.rx_packets == 35


def test_what_a_deleted_port_counted_stays_in_its_network(book: Book) -> None:
    book.prune({A[0], WEB[0]}.__contains__)
    assert port(book, B, 11) == Counted()
    assert network(book, WEB, 11).counts.rx_packets == 35
    assert network(book, WEB, 11).rates.rx_packets == 2.0


def test_an_object_made_anew_begins_at_zero(book: Book) -> None:
    grew(book, (A[0], 3.0), WEB, 1, 20)
    assert port(book, A, 20) == Counted()
    assert port(book, (A[0], 3.0), 20).counts.rx_packets == 1
    assert network(book, WEB, 20).counts.rx_packets == 36
    grew(book, (A[0], 4.0), DB, 2, 30)
    assert (port(book, (A[0], 4.0), 30).counts.rx_packets, network(book, DB, 30).counts.rx_packets) == (2, 2)
    assert network(book, WEB, 30).rates.rx_packets == 0.5
    grew(book, (A[0], 5.0), (DB[0], 5.0), 4, 31)
    assert network(book, (DB[0], 5.0), 31).counts.rx_packets == 4


def test_a_network_that_is_gone_takes_its_ports_with_it(book: Book) -> None:
    book.prune(lambda name: False)
    assert port(book, A, 11) == network(book, WEB, 11) == Counted()
    grew(book, A, WEB, 1, 12)
    assert network(book, WEB, 12).counts.rx_packets == 1
