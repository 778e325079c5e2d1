"""sdnctl, the command line.

Belongs here: words and options, tables and texts for people, exit codes.
Must not know: any package of ours but ``sdn.client``; what it can do, every other client of the API can do. To draw
what the API told, it uses ``sdn.graph``.

main.py       the program and its exit codes
session.py    what all commands share: address, output format, errors
words.py      kinds, names, bandwidths and durations as people write them
render.py     messages as JSON, YAML and tables
classify.py   which packets a connection takes
columns.py    the table of each kind
describe.py   one object in full
apply.py      apply and connect
objects.py    get, describe and delete
network.py    topology and flows
system.py     status and wait
events.py     events and audit
trace.py      trace
where.py      where
diff.py       diff
draw.py       topology draw
bundle.py     support-bundle
progress.py   how far a write has come
complete.py   completion of names, which the daemon is asked for
reference.py  all commands as a page: docs/sdnctl.md
"""
