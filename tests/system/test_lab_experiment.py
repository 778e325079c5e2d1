"""Experiment files, pictures and reports; without root."""

from __future__ import annotations

import json
from pathlib import Path
from xml.etree import ElementTree

import pytest
from sdn_lab import pictures, report
from sdn_lab.experiment import STEPS, Experiment, load
from sdn_lab.matrix import Reachability
from sdn_lab.report import Outcome

from sdn.graph import load_topology
from sdn.model.errors import SdnError

EXPERIMENTS = sorted((Path(__file__).parents[2] / "mininet" / "experiments").glob("*.yaml"))
HEAD = "topology: ring\nsteps:\n"


def read(tmp_path: Path, text: str) -> Experiment:
    file = tmp_path / "e.yaml"
    file.write_text(text)
    return load(file)


@pytest.mark.parametrize("file", [f for f in EXPERIMENTS if "connections" not in f.name], ids=lambda file: file.stem)
def test_the_examples_are_right_and_name_what_is_there(file: Path) -> None:
    found = load(file)
    assert found.title != file.stem
    assert found.about
    topology = load_topology(found.topology)
    assert found.manifest is None or found.manifest.exists()
    hosts, switches = {host.name for host in topology.hosts}, set(topology.switches)
    for step in found.steps:
        fields = step.fields
        assert {fields[key] for key in ("from", "to", "host") if key in fields} <= hosts | switches
        assert {fields[key] for key in ("via", "avoid") if fields.get(key)} <= switches
        if step.verb in ("cut", "mend"):
            assert set(fields[""]) <= switches
        if step.verb == "apply":
            assert (file.parent / fields[""]).exists()


def test_what_is_left_out_has_a_value(tmp_path: Path) -> None:
    found = read(tmp_path, HEAD + "- matrix:\n- stream: {from: h1, to: h2}\n- wait: 1.5\n- cut: [a, b]\n")
    matrix, stream, wait, cut = found.steps
    assert matrix.fields == {"version": 4, "protocol": "ping", "timeout": 20}
    assert stream.fields == {"from": "h1", "to": "h2", "name": "stream", "seconds": 4, "interval": 0.01}
    assert (wait.fields, cut.fields) == ({"": 1.5}, {"": ("a", "b")})
    assert (found.title, found.manifest, found.everybody) == ("e", None, "")
    assert stream.where == "line 4"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "it is not one mapping"),
        ("- a", "it is not one mapping"),
        ("topology: ring", "e.yaml:1: steps: there must be 1 to 1000 steps"),
        ("topology: ring\nsteps: []", "e.yaml:2: steps: there must be"),
        ("steps: [{wait: 1}]", "topology: it is missing"),
        ("topology: ring\ntopologie: x\nsteps: [{wait: 1}]", "e.yaml:2: topologie: there is no such field"),
        ("topology: ring\neverybody: 10.0.0.1/24\nsteps: [{wait: 1}]", "e.yaml:2: everybody"),
        (HEAD + "- jump: 1", "e.yaml:3: steps[0].jump: there is no such step"),
        (HEAD + "- wait", "steps[0]: a step is one key with its value"),
        (HEAD + "- {wait: 1, say: x}", "steps[0]: a step is one key with its value"),
        (HEAD + "- wait: -1", "e.yaml:3: steps[0].wait: '-1' is no number in range"),
        (HEAD + "- wait: soon", "steps[0].wait: 'soon' is no number in range"),
        (HEAD + "- wait: true", "steps[0].wait: 'true' is no number in range"),
        (HEAD + "- wait: .nan", "steps[0].wait: '.nan' is no number in range"),
        (HEAD + "- cut: [a]", "steps[0].cut: it takes 2 names"),
        (HEAD + "- cut: a", "steps[0].cut: it takes 2 names"),
        (HEAD + "- say: [a]", "steps[0].say: it takes a single value"),
        (HEAD + "- matrix: 4", "steps[0].matrix: it takes fields"),
        (HEAD + "- matrix: {protocol: sctp}", "steps[0].matrix.protocol: 'sctp' is none of them"),
        (HEAD + "- path: {from: h1}", "steps[0].path.to: it is missing"),
        (HEAD + "- path:\n    from: h1\n    to: h2\n    by: x", "e.yaml:6: steps[0].path.by: there is no such field"),
        (HEAD + "- say: x\n- {", "e.yaml:5"),
    ],
)
def test_what_is_wrong_is_told_with_file_line_and_field(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(SdnError) as refused:
        read(tmp_path, text)
    assert message in str(refused.value)
    assert refused.value.violations[0].remedy


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(SdnError, match="cannot be read"):
        load(tmp_path / "none.yaml")


def reachability() -> Reachability:
    pairs = {(a, b) for a in "xyz" for b in "xyz" if a != b}
    expected = frozenset({("x", "y"), ("y", "x")})
    return Reachability(("x", "y", "z"), expected, pairs, {("x", "y"), ("z", "x")}, {("x", "y"), ("z", "x")})


def test_pictures_are_svg_and_show_what_happened() -> None:
    matrix = ElementTree.fromstring(pictures.matrix(reachability()))
    titles = sorted(element.text or "" for element in matrix.iter("{http://www.w3.org/2000/svg}title"))
    assert len(titles) == 6
    assert "x to y: reaches, as it must" in titles
    assert "y to x: does not reach" in titles
    assert "z to x: must not reach" in titles
    topology = load_topology("ring:switches=4,hosts=1")
    drawn = pictures.network(topology, {("s1", "s2"): 7}, [("s3", "s4")], ("h1",))
    assert drawn.count("stroke-dasharray") == 1
    assert "s1 - s2: 7 packets there, 0 back" in drawn
    ElementTree.fromstring(drawn)
    assert "<polyline" in pictures.series([(0.5, 10.0), (1.0, 20.0)], "Mbit/s", [(0.7, "cut a<b")])
    ElementTree.fromstring(pictures.series([], "Mbit/s"))


def test_a_report_tells_the_truth_and_escapes_what_it_is_given(tmp_path: Path) -> None:
    found = read(tmp_path, "title: <A>\ntopology: ring\nsteps: [{wait: 1}]")
    outcomes = [Outcome("fine", True), Outcome("<b>", False, "<i>", ["<svg/>"], {"lost": 3}, 1.25), Outcome("said")]
    page = report.html(found, outcomes, "<svg/>")
    assert "<h1>&lt;A&gt;</h1>" in page
    assert "✗ &lt;b&gt;" in page
    assert "1 steps went wrong" in page
    assert not report.is_right(outcomes)
    data = json.loads(report.json_text(found, outcomes))
    assert data["right"] is False
    assert data["steps"][1] == {"step": "<b>", "right": False, "time": 1.25, "text": "<i>", "lost": 3}
    assert "All as expected" in report.html(found, outcomes[:1], "")


def test_every_step_can_be_carried_out() -> None:
    pytest.importorskip("mininet.net", reason="Mininet's Python package is not installed")
    from sdn_lab.steps import Steps

    assert {verb for verb in STEPS if not hasattr(Steps, f"_do_{verb}")} == set()
