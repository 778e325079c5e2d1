"""Experiments as users start them, and matrices on several topologies, each in a world of its own (isolation.py)."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest
from isolation import isolated

from sdn.graph import assign_interfaces, load_topology

pytestmark = pytest.mark.system
pytest.importorskip("mininet.net", reason="Mininet's Python package is not installed")

RUNNER = Path(__file__).parents[2] / "mininet"
EXPERIMENT = f"{sys.executable} {RUNNER}/experiment.py --output report"
TOPOLOGIES = ("ring:switches=8", "torus:x=3,y=3", "abilene", "leaf-spine:spines=2,leaves=3,hosts=4", "fat-tree:k=4")


@pytest.mark.parametrize("name", ["isolation", "ecmp", "failover", "move", "wan"])
def test_example(tmp_path: Path, name: str) -> None:
    text = isolated(
        f"{EXPERIMENT} {RUNNER}/experiments/{name}.yaml; echo code $? bridges $(ovs-vsctl list-br)", tmp_path
    )
    assert text.rstrip().endswith("code 0 bridges"), text
    report = json.loads((tmp_path / "report" / f"{name}.json").read_text())
    assert report["right"]
    page = (tmp_path / "report" / f"{name}.html").read_text()
    assert "All as expected" in page
    assert page.count("<svg") >= 3


def manifest(spec: str) -> str:
    """Tenants red and blue with the same addresses, hosts in turn."""
    documents = []
    for tenant in ("red", "blue"):
        documents.append(f"kind: Tenant\nname: tenants/{tenant}")
        documents.append(f"kind: Network\nname: tenants/{tenant}/networks/n")
        for version, cidr in (("v4", "10.0.0.0/24"), ("v6", "fd00::/64")):
            documents.append(f"kind: Subnet\nname: tenants/{tenant}/subnets/{version}\nnetwork: n\ncidr: {cidr}")
    for index, host in enumerate(assign_interfaces(load_topology(spec)).hosts):
        tenant, number = ("red", "blue")[index % 2], index // 2 + 10
        documents.append(
            f"kind: Port\nname: tenants/{tenant}/ports/{host.name}\nnetwork: n\n"
            f'addresses: [10.0.0.{number}, "fd00::{number}"]\n'
            f"binding: {{switch: {host.switch}, interface: {host.interface}}}"
        )
    return "\n---\n".join(documents) + "\n"


@pytest.mark.parametrize("spec", TOPOLOGIES)
def test_matrices_of_two_tenants_also_after_a_failure(tmp_path: Path, spec: str) -> None:
    declared = load_topology(spec)
    link = declared.links[0]
    steps = ["matrix: {version: 4, protocol: ping}", "matrix: {version: 6, protocol: udp}",
             "matrix: {version: 4, protocol: tcp}", f"cut: [{link.a[0]}, {link.b[0]}]",
             "matrix: {version: 4, protocol: ping}", f"mend: [{link.a[0]}, {link.b[0]}]", "ready: {}",
             "matrix: {version: 6, protocol: ping}"]  # fmt: skip
    (tmp_path / "cloud.yaml").write_text(manifest(spec))
    lines = "".join(f"- {step}\n" for step in steps)
    (tmp_path / "e.yaml").write_text(f"topology: '{spec}'\nmanifest: cloud.yaml\nsteps:\n{lines}")
    text = isolated(f"{EXPERIMENT} e.yaml", tmp_path)
    assert "report:" in text, text
    done = json.loads((tmp_path / "report" / "e.json").read_text())
    assert done["right"], text
    matrices = [step for step in done["steps"] if "tried" in step]
    hosts = len(declared.hosts)
    red = (hosts + 1) // 2
    reach = red * (red - 1) + (hosts - red) * (hosts - red - 1)
    assert [(m["tried"], m["reach"], m["leaks"]) for m in matrices] == [(hosts * (hosts - 1), reach, [])] * 5


def test_the_prompt_has_commands_of_its_own(tmp_path: Path) -> None:
    commands = ("who", "matrix 4 tcp", "cut leaf1 spine1", "matrix", "mend leaf1 spine1", "move h1 leaf2", "who",
                "matrix 6 ping", "load", "cut leaf1 nowhere", "move h1", "stop spine1", "start spine1",
                "ctl get ports -t red", "ctl 'x", "help")  # fmt: skip
    (tmp_path / "prompt.py").write_text(
        f"import sys\nsys.path.append({str(RUNNER)!r})\n"
        "from sdn_lab.lab import MininetLab\nfrom sdn_lab.main import guarded\nfrom sdn_lab.prompt import Prompt\n"
        "def work():\n"
        "    with MininetLab('leaf-spine:spines=2,leaves=3,hosts=4') as lab:\n"
        f"        lab.apply({str(RUNNER / 'demo.yaml')!r})\n"
        "        Prompt(lab, script='commands')\n"
        "    return 0\n"
        "sys.exit(guarded(work))\n"
    )
    (tmp_path / "commands").write_text("\n".join(commands) + "\n")
    text = isolated(f"{sys.executable} prompt.py; echo code $?", tmp_path)
    assert "code 0" in text, text
    assert text.count("as the objects say") == 3, text
    assert "h1     leaf1 leaf1-eth3" in text
    assert "h1     leaf2 leaf2-eth7" in text
    assert "error: 0 links connect leaf1 and nowhere" in text
    assert "usage: move HOST SWITCH" in text
    assert "error: No closing quotation" in text
    assert "leaf2-eth7" in text[text.index("STATE") :]
    assert "plug a host into another switch" in text
