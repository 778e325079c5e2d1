"""Questions, answered from memory, or by a packet where that is asked for; nothing is changed.

Belongs here: what the northbound may read, paths that could be had, traces, what a failure would do.
Must not know: gRPC, how answers look on a screen.
"""
