"""Waits for sdnd on behalf of a program that cannot use its API: ``waiting.py ADDRESS HOSTS SECONDS``.

Returns with exit code 0 when all switches are in sync, all declared links up, and HOSTS ports learned and programmed;
with 1 and the reason on the standard error when SECONDS are over.
"""

from __future__ import annotations

import sys
import time

from sdn.client import ApiError, Client
from sdn.v1 import resources_pb2 as pb

_POLL_SECONDS = 0.1
LEARNED = "learned"


def wait(client: Client, hosts: int, seconds: float) -> str:
    """What is missing when the time is over; '' if nothing is."""
    end = time.monotonic() + seconds
    try:
        client.wait_ready(seconds)
        while True:
            ports = [port for port in client.ports.list() if LEARNED in port.metadata.labels]
            found = sum(port.status.state == pb.PROGRAMMED for port in ports)
            if found >= hosts:
                return ""
            if time.monotonic() > end:
                return f"{found} of {hosts} hosts have been found"
            time.sleep(_POLL_SECONDS)
    except ApiError as error:
        return str(error)


def main() -> int:
    """The program."""
    address, hosts, seconds = sys.argv[1:]
    with Client(address) as client:
        missing = wait(client, int(hosts), float(seconds))
    if missing:
        print(missing, file=sys.stderr)
    return 1 if missing else 0


if __name__ == "__main__":
    sys.exit(main())
