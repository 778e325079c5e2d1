"""The compiler: from attachments, networks, routers, routes and paths to the program of every switch.

Belongs here: the tables (layout), how one flow looks (shapes), one file per feature, and the incremental compiler.
Must not know: how entries get into a switch, what is installed, where objects are stored, any clock.
"""

from sdn.pipeline.compiler import Compiler

__all__ = ["Compiler"]
