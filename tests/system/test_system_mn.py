"""Mininet's own program, as its users type it: with nothing of ours but the controller, and with mininet/sdn_mn.py."""

from __future__ import annotations

import re
import sys
from pathlib import Path

import pytest
from isolation import isolated

pytestmark = pytest.mark.system
ROOT = Path(__file__).parents[2]
CUSTOM = ROOT / "mininet" / "sdn_mn.py"
# Without a controller every ping of Mininet waits ten seconds: should sdnd end, everything does, and its log is shown.
SDND = f"""
trap 'echo sdnd has ended; cat log; exit 1' USR1
({sys.executable} -m sdn.app --state-dir state --learn tenants/lab/networks/all >log 2>&1; kill -USR1 1; kill -9 -1) &
for _ in $(seq 200); do (echo >/dev/tcp/127.0.0.1/6653) 2>/dev/null && break; sleep 0.1; done
"""
PLAIN = "mn --switch ovsk,datapath=user --controller remote"
OURS = f"mn --custom {CUSTOM} --switch sdn --controller sdn"

needs_venv = pytest.mark.skipif(not (ROOT / ".venv/bin/python").exists(), reason="the project's .venv is not made")


def results(text: str) -> list[str]:
    """What pingall said, once or several times."""
    assert "Caught exception" not in text, text
    return re.findall(r"Results: (.*)", text)


def test_plain_mininet_with_learning_mode(tmp_path: Path) -> None:
    """One daemon, and one network after the other with the same datapath ids and interface names."""
    text = isolated(
        SDND
        + "\n".join(f"{PLAIN} --topo {topology} --test pingall" for topology in ("tree,3", "torus,3,3", "linear,4"))
        + f"\n{PLAIN} --topo tree,3 --mac --arp --test pingall"
        + f"\nprintf 'pingall\\npingall\\n' | {PLAIN} --topo torus,3,3\ncat log",
        tmp_path,
    )
    sizes = (56, 72, 12, 56, 72, 72)
    assert results(text) == [f"0% dropped ({n}/{n} received)" for n in sizes], text


@needs_venv
@pytest.mark.parametrize(("topology", "hosts"), [("fattree,4", 16), ("sdn,zoo:Abilene", 11), ("ring,8,prefix=x", 8)])
def test_our_topologies_switch_and_controller(tmp_path: Path, topology: str, hosts: int) -> None:
    text = isolated(f"{OURS} --topo {topology} --test pingall\necho left: $(ls) $(ovs-vsctl list-br)", tmp_path)
    pairs = hosts * (hosts - 1)
    assert results(text) == [f"0% dropped ({pairs}/{pairs} received)"], text
    assert "not ready" not in text
    assert re.search(r"left:\s*$", text, re.MULTILINE), text


@needs_venv
def test_tcp_works_and_sdnctl_knows_the_names(tmp_path: Path) -> None:
    (tmp_path / "serve.py").write_text(
        "import http.server, os\n"
        "server = http.server.HTTPServer(('', 8000), http.server.SimpleHTTPRequestHandler)\n"
        "if os.fork():\n"
        "    os._exit(0)  # it listens: the next command may come\n"
        "server.serve_forever()\n"
    )
    (tmp_path / "fetch.py").write_text(
        "import urllib.request\nprint('status', urllib.request.urlopen('http://10.0.0.1:8000/', timeout=30).status)\n"
    )
    (tmp_path / "commands").write_text(
        f"h1 python3 serve.py >web 2>&1\nh4 python3 fetch.py\nsh {ROOT}/.venv/bin/sdnctl topology show\n"
    )
    text = isolated(f"{OURS} --topo leafspine,2,2,2 --test none --post commands", tmp_path)
    assert "status 200" in text, text
    assert re.search(r"leaf1\S*\s+.*spine1", text), text


@pytest.mark.parametrize(
    ("topology", "message"),
    [
        ("sdn,nonsense", "nonsense"),
        ("fattree,3", "k"),
        ("ring,4,1,1", "at most switches, hosts"),
        ("sdn", "name a topology"),
        ("ring,4", "'s1' already"),
        ("ring,4,prefix=averylongprefix", "too long"),
    ],
)
@needs_venv
def test_what_is_wrong_is_told_and_nothing_is_made_or_destroyed(tmp_path: Path, topology: str, message: str) -> None:
    """Of all, mn must not see an exception: it would delete this bridge."""
    text = isolated(
        "ovs-vsctl add-br s1 -- set bridge s1 datapath_type=netdev\n"
        f"{OURS} --topo {topology}\necho code $?\nls\necho bridges $(ovs-vsctl list-br)",
        tmp_path,
    )
    assert message in text
    assert "code 1" in text
    assert "Caught exception" not in text
    assert "bridges s1\n" in text
    assert "sdn-mn-" not in text


def test_without_the_virtual_environment_it_says_what_to_do(tmp_path: Path) -> None:
    text = isolated(
        f"mkdir -p p/mininet; cp {CUSTOM} p/mininet/; cd p\n"
        "mn --custom mininet/sdn_mn.py --topo fattree,4 --switch sdn --controller sdn\necho code $?",
        tmp_path,
    )
    assert f"there is no {tmp_path}/p/.venv/bin/python. Run ./dev setup in {tmp_path}/p first." in text
    assert "code 1" in text
    assert "Traceback" not in text


@needs_venv
def test_when_mn_is_killed_sdnd_ends(tmp_path: Path) -> None:
    text = isolated(
        f"{OURS} --topo ring,3 < <(sleep 100) >mn 2>&1 &\n"
        "for _ in $(seq 300); do ovs-vsctl list-br | grep -q s3 && break; sleep 0.1; done\n"
        "running() { ps ax | grep -c '[s]dn.app'; }\n"
        "echo before $(running)\nkill -9 %1\n"
        "for _ in $(seq 100); do [ $(running) = 0 ] && break; sleep 0.1; done\necho after $(running)",
        tmp_path,
    )
    assert "before 1" in text, text
    assert "after 0" in text, text
