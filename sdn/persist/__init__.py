"""Durable records: what the store and the controller hand over survives a crash, all of a write or nothing of it.

Belongs here: files, locks, the database and its errors. One process at a time owns a state directory.
Must not know: what the records mean; they are (bucket, key) and text.
"""

from sdn.persist.journal import Journal

__all__ = ["Journal"]
