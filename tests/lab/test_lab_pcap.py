import struct
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sdn.lab.pcap import PcapTail

FRAMES = st.lists(st.binary(min_size=1, max_size=80), max_size=8)


def capture(frames: list[bytes], order: str = "<") -> bytes:
    head = struct.pack(f"{order}IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 65535, 1)
    return head + b"".join(struct.pack(f"{order}IIII", 1, 2, len(f), len(f)) + f for f in frames)


@settings(deadline=None)  # files on a busy machine
@given(frames=FRAMES, cuts=st.lists(st.integers(0, 900), max_size=12), order=st.sampled_from("<>"))
def test_frames_come_once_however_the_file_grows(
    tmp_path_factory: pytest.TempPathFactory, frames: list[bytes], cuts: list[int], order: str
) -> None:
    path = tmp_path_factory.mktemp("pcap") / "f"
    data = capture(frames, order)
    tail = PcapTail(path)
    got: list[bytes] = tail.read()
    written = 0
    for cut in [*sorted(cuts), len(data)]:
        with path.open("ab") as file:
            file.write(data[written : max(written, min(cut, len(data)))])
        written = max(written, min(cut, len(data)))
        got += tail.read()
    assert got == frames
    assert tail.read() == []


def test_file_written_anew_is_read_from_its_beginning(tmp_path: Path) -> None:
    path = tmp_path / "f"
    path.write_bytes(capture([b"one", b"two"]))
    tail = PcapTail(path)
    assert tail.read() == [b"one", b"two"]
    path.write_bytes(capture([b"new"]))
    assert tail.read() == [b"new"]


@pytest.mark.parametrize("data", [b"not a capture file, certainly", capture([]) + struct.pack("<IIII", 0, 0, 2**31, 1)])
def test_other_files_are_refused(tmp_path: Path, data: bytes) -> None:
    path = tmp_path / "f"
    path.write_bytes(data)
    with pytest.raises(ValueError, match=r"not a capture file|damaged"):
        PcapTail(path).read()
