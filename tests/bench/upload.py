#!/usr/bin/env python3
"""A big CSV file that arrives in pieces: time, and how much the daemon's memory grows meanwhile.

    BERTD=build/bertd python3 tests/bench/upload.py [MEGABYTES] [CUTS]

The connection is cut CUTS times; each time what has come is asked for by HEAD and the rest is sent. Prints one line for
POST of the whole and one for PUT with the cuts. Growth is the peak of the resident set (VmHWM) above what was resident
before, and the part of it that is the daemon's own memory (RssAnon) at the end.
"""

import pathlib
import random
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "integration"))
from daemon import Daemon  # noqa: E402
from test_uploads import MB, Client, big_csv  # noqa: E402


class Memory:
    def __init__(self, pid):
        self.folder = pathlib.Path(f"/proc/{pid}")
        (self.folder / "clear_refs").write_text("5")  # the peak starts anew
        self.before = self.read()

    def read(self):
        """In MB, by name."""
        fields = (line.split() for line in (self.folder / "status").read_text().splitlines())
        return {f[0].rstrip(":"): int(f[1]) / 1024 for f in fields if f[0].startswith(("Vm", "Rss"))}

    def growth(self):
        now = self.read()
        return now["VmHWM"] - self.before["VmRSS"], now["RssAnon"] - self.before["RssAnon"]


def report(what, daemon, content, send):
    memory, begin = Memory(daemon.process.pid), time.monotonic()
    answer = send()
    seconds = time.monotonic() - begin
    assert answer.status == 201, answer
    peak, anon = memory.growth()
    print(f"{what}: {len(content) / 1e6:.0f} MB, {answer.json['rows']} rows, {seconds:.1f} s, "
          f"{len(content) / 1e6 / seconds:.0f} MB/s, memory +{peak:.1f} MB at its peak, +{anon:.1f} MB own at the end")


def put_with_cuts(client, cuts):
    rng, size = random.Random(1), len(client.content)
    for i in range(cuts):
        offset = client.offset() or 0
        with client.broken(offset, (size - offset) // (cuts + 1 - i) + rng.randrange(1000)):
            pass
        client.wait_free()
    return client.put(client.offset())


def main():
    megabytes, cuts = [int(a) for a in sys.argv[1:]] + [512, 10][len(sys.argv) - 1:]
    content = big_csv(megabytes * MB)
    with Daemon() as d:
        d.upload(big_csv(MB))  # what is made once is there
        report("POST", d, content, lambda: d.ask("POST", "/datasets", content, {"Content-Type": "text/csv"}))
        client = Client(d, content)
        d.ask("DELETE", client.path)
        report(f"PUT, cut {cuts} times", d, content, lambda: put_with_cuts(client, cuts))


if __name__ == "__main__":
    main()
