"""Desired state: what users wish for, complete, checked and numbered.

Belongs here: commands and their validation, defaults, references and uniqueness, stable numbers, idempotency of
requests, and the records from which all of it is rebuilt. ``Store.prepare`` decides everything and changes nothing;
``Store.commit`` applies what was prepared and cannot fail.
Must not know: switches, topology, programs, how records are kept, clocks (time is an argument), any I/O.

names.py       what a resource refers to and which unique keys it claims
forms.py       forms of single values, whoever holds them
rules.py       checks and normal forms of one resource by itself
connection_rules.py   the same of one connection
manyends.py    what a connection of many ends may say
legs.py        its legs, which follow from it and from the ports of a network
pairs.py       checks of allowed address pairs
static_routes.py   checks of a router's static routes
resolve.py     commands to final resources
draft.py       the state as it would be: an overlay over the index
relations.py   checks between resources
quotas.py      how many objects a tenant may have
defaults.py    MAC addresses and addresses that were not given
index.py       the state as it is, with the look-ups
numbers.py     stable numbers for the data plane
addresses.py   free addresses of a subnet
requests.py    first results of requests, for retries
store.py       the whole
"""

from sdn.store.numbers import Numbers, StoreMoved
from sdn.store.store import Change, Prepared, Store

__all__ = ["Change", "Numbers", "Prepared", "Store", "StoreMoved"]
