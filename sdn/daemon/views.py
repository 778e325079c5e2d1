"""What the daemon itself adds to the controller's views: whether its store can be written."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from sdn.controller.questions.views import Views
from sdn.controller.reader import SystemView
from sdn.model.errors import WriteRefused


class DaemonViews(Views):
    """The Reader of the daemon. trouble: why writes are refused at present."""

    trouble: WriteRefused | None = None

    def missing(self) -> Iterator[str]:
        """What is missing for ready, the store included."""
        if self.trouble is not None:
            yield f"the store refuses writes: {self.trouble.violations[0]}"
        yield from super().missing()

    def system(self) -> SystemView:
        """The daemon at a glance; not ready while writes are refused."""
        view = super().system()
        return view if self.trouble is None else replace(view, ready=False, not_ready=tuple(self.missing()))
