import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from sdn.lab import LabError, PrivateOvs

pytestmark = pytest.mark.lab


def alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def test_two_instances_do_not_see_each_other() -> None:
    with PrivateOvs() as one, PrivateOvs() as two:
        one.vsctl("add-br", "br0", "--", "set", "bridge", "br0", "datapath_type=dummy")
        assert one.vsctl("list-br").split() == ["br0"]
        assert two.vsctl("list-br").split() == []
        assert one.directory != two.directory
        assert not set(one.pids) & set(two.pids)


def test_nothing_is_left_behind() -> None:
    with PrivateOvs() as ovs:
        pids, directory = ovs.pids, ovs.directory
        assert len(pids) == 2
        assert all(alive(pid) for pid in pids)
    assert not any(alive(pid) for pid in pids)
    assert not directory.exists()
    ovs.stop()


def test_given_directory_and_logs_stay(tmp_path_factory: pytest.TempPathFactory) -> None:
    directory = tmp_path_factory.mktemp("o")
    with PrivateOvs(directory) as ovs:
        assert "connected" in ovs.logs()["vswitchd"].read_text()
    assert (directory / "vswitchd.log").exists()
    with PrivateOvs(directory) as ovs:
        assert ovs.vsctl("list-br") == ""


def test_refusals_carry_the_words_of_open_vswitch() -> None:
    with PrivateOvs() as ovs:
        with pytest.raises(LabError, match="no bridge named nope"):
            ovs.vsctl("list-ports", "nope")
        with pytest.raises(LabError, match="no such dummy netdev"):
            ovs.appctl("netdev-dummy/receive", "nope", "00" * 60)
        with pytest.raises(LabError, match="nope"):
            ovs.ofctl("dump-flows", "nope")
        assert "3." in ovs.appctl("version")


def test_answers_of_a_batch_come_in_order_even_beside_a_refusal() -> None:
    with PrivateOvs() as ovs:
        ovs.vsctl("add-br", "br0", "--", "set", "bridge", "br0", "datapath_type=dummy")
        commands = [("fdb/show", "br0"), ("version",)] * 200
        answers = ovs.appctl_batch(commands)
        assert len(answers) == 400
        assert all("LOCAL" in a or "port" in a for a in answers[::2])
        assert all("ovs-vswitchd" in a for a in answers[1::2])
        with pytest.raises(LabError, match="fdb/show"):
            ovs.appctl_batch([("version",), ("fdb/show", "nope"), ("version",)])
        assert "ovs-vswitchd" in ovs.appctl("version")


def test_killed_vswitchd_comes_back_with_its_bridges_and_no_flows() -> None:
    with PrivateOvs() as ovs:
        ovs.vsctl("add-br", "br0", "--", "set", "bridge", "br0", "datapath_type=dummy", "fail_mode=secure")
        ovs.ofctl("add-flow", "br0", "actions=drop")
        before = ovs.pids
        ovs.stop_vswitchd(kill=True)
        assert not ovs.running
        with pytest.raises(LabError, match="does not run"):
            ovs.appctl("version")
        ovs.start_vswitchd()
        assert ovs.pids[0] == before[0]
        assert ovs.pids[1] != before[1]
        assert "actions" not in ovs.ofctl("dump-flows", "br0")


def test_failed_start_tells_the_log_and_ends_everything(tmp_path_factory: pytest.TempPathFactory) -> None:
    directory = tmp_path_factory.mktemp("o")
    (directory / "conf.db").write_text("this is no database")
    ovs = PrivateOvs(directory)
    with pytest.raises(LabError, match=r"(?s)ovsdb-server ended with exit code.*conf\.db"):
        ovs.start()
    assert ovs.pids == ()


def test_too_long_directory_is_refused(tmp_path: Path) -> None:
    with pytest.raises(LabError, match="too long"):
        PrivateOvs(tmp_path / ("x" * 90)).start()


NOBODY = 65534
AS_NOBODY = """
from sdn.lab import PrivateOvs
with PrivateOvs() as ovs:
    ovs.vsctl('add-br', 'b', '--', 'set', 'bridge', 'b', 'datapath_type=dummy')
    ovs.ofctl('add-flow', 'b', 'actions=drop')
    print(ovs.ofctl('dump-flows', 'b'))
"""


def run_as_nobody(interpreter: str, code: str) -> subprocess.CompletedProcess[str]:
    environment = {"PATH": "/usr/bin:/bin", "PYTHONPATH": str(Path(__file__).parents[2])}
    command = ["/usr/bin/env", interpreter, "-c", code]
    return subprocess.run(
        command, user=NOBODY, group=NOBODY, extra_groups=[], env=environment, cwd="/",
        capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip


@pytest.mark.skipif(os.geteuid() != 0, reason="being another user than root is the normal case already")
def test_an_ordinary_user_can_run_it() -> None:
    for interpreter in (sys.executable, "/usr/bin/python3"):
        if run_as_nobody(interpreter, "import sdn.lab").returncode == 0:
            done = run_as_nobody(interpreter, AS_NOBODY)
            assert "actions=drop" in done.stdout, done.stderr
            return
    pytest.skip("no interpreter that the user nobody may run, or the repository is not readable to him")


def test_interrupt_from_the_terminal_does_not_reach_the_switches() -> None:
    with PrivateOvs() as ovs:
        assert all(os.getpgid(pid) != os.getpgid(0) for pid in ovs.pids)
        os.kill(ovs.pids[1], signal.SIGKILL)
    assert ovs.pids == ()
