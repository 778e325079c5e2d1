"""The typed client of the API, for control planes, the command line and experiments.

Belongs here: connections to the daemon, one accessor per kind of object, errors as exceptions, manifests.
Must not know: any other package of ours but the generated ``sdn.v1``; everything goes through the public API.

kinds.py        the kinds of objects and their names
errors.py       ApiError, from what gRPC reports
access.py       TLS and tokens
call.py         what the two clients share
client.py       Client: blocking
collection.py   its objects of one kind
streams.py      its watches
counters.py     what switches count
aio.py          AsyncClient: the same for asyncio
maintenance.py  links and switches as people name them
snapshots.py    backups as the API sends them
units.py        bandwidths as people write them
manifest.py     YAML and JSON to objects and back
manifest_fields.py  from a YAML mapping to the fields of a message
yaml_tree.py    YAML with the line of every value
"""

from sdn.client.access import Credentials
from sdn.client.aio import AsyncClient
from sdn.client.call import DEFAULT_ADDRESS, Change
from sdn.client.client import Client
from sdn.client.collection import Collection
from sdn.client.counters import CounterRound
from sdn.client.errors import ApiError, Details, FieldViolation
from sdn.client.kinds import KINDS, AnyObject, KindInfo, kind_of, kind_of_name, unwrap, wrap
from sdn.client.maintenance import maintenance_target
from sdn.client.manifest import Document, ManifestError, Problem, load, locate, parse, to_dict, to_yaml
from sdn.client.streams import EventWatch, Watch
from sdn.client.units import format_bandwidth, parse_bandwidth

__all__ = [
    "DEFAULT_ADDRESS",
    "KINDS",
    "AnyObject",
    "ApiError",
    "AsyncClient",
    "Change",
    "Client",
    "Collection",
    "CounterRound",
    "Credentials",
    "Details",
    "Document",
    "EventWatch",
    "FieldViolation",
    "KindInfo",
    "ManifestError",
    "Problem",
    "Watch",
    "format_bandwidth",
    "kind_of",
    "kind_of_name",
    "load",
    "locate",
    "maintenance_target",
    "parse",
    "parse_bandwidth",
    "to_dict",
    "to_yaml",
    "unwrap",
    "wrap",
]
