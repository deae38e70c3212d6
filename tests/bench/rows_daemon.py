"""Two jobs on the same rows with a real bertd, for rows_bench.sh: how long each takes to start, and what stays in memory.

    rows_daemon.py MODEL_FOLDER MODEL FILE.csv

Prints one line of JSON for each job: seconds from sending it to its 201, to its status "running" (its data is ready, the
model is opened next) and to its first step, and the daemon's anonymous memory then. Each is cancelled there.
"""

import json
import os
import pathlib
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).parents[1] / "integration"))
from daemon import Daemon


def status_bytes(pid, name):
    with open(f"/proc/{pid}/status") as f:
        return next(int(line.split()[1]) * 1024 for line in f if line.startswith(name))


def main():
    folder, model, file = sys.argv[1:4]
    file = pathlib.Path(file)
    daemon = Daemon(model_dir=pathlib.Path(folder).resolve(), data_root=file.parent, threads=os.cpu_count())
    try:
        daemon.start()
        for number in (1, 2):
            start = time.monotonic()
            job = daemon.submit(model=model, dataset={"train": file.name}, max_length=64,
                                args={"logging_steps": 1, "save_strategy": "no"}, metadata={"number": str(number)})
            accepted = time.monotonic() - start
            running = None
            for record in daemon.records(job):
                if record.get("status") == "running" and running is None:
                    running = time.monotonic() - start
                if record.get("step", 0) >= 1:
                    break
            print(json.dumps({"accepted_seconds": accepted, "running_seconds": running,
                              "first_step_seconds": time.monotonic() - start,
                              "rss_anon_bytes": status_bytes(daemon.process.pid, "RssAnon"),
                              "rss_bytes": status_bytes(daemon.process.pid, "VmRSS")}))
            daemon.post(f"/jobs/{job}/cancel", {})
            daemon.wait(job)
    finally:
        daemon.close()


main()
