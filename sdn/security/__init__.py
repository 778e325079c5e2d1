"""Who may speak: certificates, tokens, roles.

Belongs here: making and reading certificates, the file of tokens, what roles there are, TLS settings of servers.
Must not know: gRPC, OpenFlow, methods of the API; ``sdn.northbound`` decides what a role may do, ``sdn.southbound``
which switch may have a session.

subjects.py     who a certificate stands for, as names in it
authority.py    a small certificate authority: makes and renews certificates
directory.py    the directory of certificates that sdnctl keeps
tokens.py       the file of tokens
access.py       from a token or certificate to an identity
tls.py          certificate and key of a server, renewed while it runs
auditlog.py     who wrote what, as lines of JSON
hosts.py        which addresses are those of this machine
watched.py      files that change
files.py        secret files: mode 0600, never replaced by accident
"""

from sdn.model.errors import SdnError
from sdn.model.ids import format_dpid, parse_dpid
from sdn.security.authority import CA_DAYS, DAYS
from sdn.security.directory import Directory, Entry
from sdn.security.subjects import ROLES, SCOPED, Subject
from sdn.security.tokens import add_token

__all__ = [
    "CA_DAYS",
    "DAYS",
    "ROLES",
    "SCOPED",
    "Directory",
    "Entry",
    "SdnError",
    "Subject",
    "add_token",
    "format_dpid",
    "parse_dpid",
]
