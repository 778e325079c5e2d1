"""What the daemon itself adds to the controller's views: whether its store can be written."""

from __future__ import annotations

from dataclasses import replace

from sdn.controller.reader import SystemView
from sdn.controller.views import Views
from sdn.model.errors import WriteRefused


class DaemonViews(Views):
    """The Reader of the daemon. trouble: why writes are refused at present."""

    trouble: WriteRefused | None = None

    def system(self) -> SystemView:
        """The daemon at a glance; not ready while writes are refused."""
        view = super().system()
        if self.trouble is None:
            return view
        reason = f"the store refuses writes: {self.trouble.violations[0]}"
        return replace(view, ready=False, not_ready=(reason, *view.not_ready))
