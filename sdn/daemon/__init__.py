"""The daemon around the controller: configuration, logs, and the loop that carries out what the controller decides.

Belongs here: when a turn is taken, what happens with its effects, who waits for what.
Must not know: OpenFlow, gRPC, SQLite; ``sdn.app`` hands these in.
"""
