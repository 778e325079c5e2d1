"""What switches have counted, added up for objects.

Belongs here: totals that never go backwards whatever a switch says, rates, and whose traffic it was.
Must not know: how switches are asked, the store, the API. Time is an argument, no I/O. Nothing of it is durable or
decides anything: these are observations, each with its time, and the controller works the same without them.

ledger.py  by interface of a switch
book.py    by port and network of tenants
traffic.py by connection
"""

from sdn.counters.book import Book
from sdn.counters.ledger import Growth, Ledger
from sdn.counters.traffic import Counting, Traffic

__all__ = ["Book", "Counting", "Growth", "Ledger", "Traffic"]
