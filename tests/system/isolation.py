"""Runs a script where Mininet's own program can do no harm: ``mn`` answers an exception by killing programs by name and
deleting every bridge of the machine, so here it has processes, network devices and an Open vSwitch of its own.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from pathlib import Path

import pytest

SCHEMA = Path("/usr/share/openvswitch/vswitch.ovsschema")
_PREPARE = f"""
set -e
for directory in /var/run/openvswitch /var/log/openvswitch; do mount -t tmpfs none $directory; done
mount -t sysfs none /sys  # it shows the devices of whoever mounted it
ip link set lo up
ovsdb-tool create /var/run/openvswitch/conf.db {SCHEMA}
ovsdb-server /var/run/openvswitch/conf.db --remote=punix:/var/run/openvswitch/db.sock --pidfile --detach --no-chdir \\
    --log-file 2>/dev/null
ovs-vsctl --no-wait init
ovs-vswitchd --pidfile --detach --no-chdir --log-file 2>/dev/null
set +e
"""
_UNSHARE = ["unshare", "--net", "--pid", "--mount", "--fork", "--mount-proc", "--kill-child"]


def isolated(script: str, directory: Path, timeout: float = 240.0) -> str:
    """Run a script of bash there and in a directory; returns what it wrote. Skips the test where that is impossible.

    The directory is also $TMPDIR. A script that takes too long fails the test, which shows what it wrote until then.
    """
    if not SCHEMA.exists() or shutil.which("mn") is None or shutil.which("unshare") is None:
        pytest.skip("Mininet's mn, unshare or the schema of Open vSwitch is not installed")
    probe = subprocess.run([*_UNSHARE, "mount", "-t", "tmpfs", "none", "/mnt"], capture_output=True, check=False)
    if probe.returncode:
        pytest.skip(f"no namespaces of one's own here: {probe.stderr.decode(errors='replace').strip()}")
    path = os.pathsep.join(("/usr/bin", "/bin", "/usr/sbin", "/sbin"))
    with tempfile.TemporaryFile("w+", errors="replace") as output:
        try:
            subprocess.run(
                [*_UNSHARE, "bash", "-c", _PREPARE + script],
                stdout=output,
                stderr=subprocess.STDOUT,
                timeout=timeout,
                check=False,
                cwd=directory,
                env={"PATH": path, "HOME": str(directory), "TMPDIR": str(directory), "LANG": "C.UTF-8"},
            )
        except subprocess.TimeoutExpired:
            output.seek(0)
            pytest.fail(f"not done after {timeout:g} s. Until then:\n{output.read()}")
        output.seek(0)
        return output.read()
