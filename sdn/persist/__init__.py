"""Durable records: what the store and the controller hand over survives a crash, all of a write or nothing of it.

Belongs here: files, locks, the database and its errors. One process at a time owns a state directory.
Must not know: what the records mean; they are (bucket, key) and text.

journal.py   the database of a running daemon
schema.py    versions of its form, migrations, checks
snapshot.py  backups, and what becomes of them
files.py     names, modes, and replacements that survive a crash
errors.py    what goes wrong, with file and remedy
"""

from sdn.persist import snapshot
from sdn.persist.journal import Journal

__all__ = ["Journal", "snapshot"]
