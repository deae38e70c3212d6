#!/bin/sh
# Preparing many short texts for training: bertd beside datasets.map with the fast tokenizer of transformers, on the same
# rows in one run.
#
#   ROWS=N    rows (1000000); a tenth of it is taken as well, to show what does not grow with them
#   TEXTS=F   a CSV with columns text and label whose rows are repeated, each with its own number behind the text, so that
#             no two are equal (../shared/data/sst2_train.csv, else tests/data/reviews_train.csv)
#   MODEL=DIR a folder with a fast tokenizer and a model (MiniLM)
#
# The figures are worth something on an otherwise idle machine only; the load average is printed with them.
set -eu
cd "$(dirname "$0")/../.."
build=${BUILD:-build}
rows=${ROWS:-1000000}
texts=${TEXTS:-../shared/data/sst2_train.csv}
[ -e "$texts" ] || texts=tests/data/reviews_train.csv
model=${MODEL:-.deps/models/all-MiniLM-L6-v2}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT INT TERM

python3 - "$texts" "$work" "$rows" <<'PY'
import csv, sys
texts, work, rows = sys.argv[1], sys.argv[2], int(sys.argv[3])
csv.field_size_limit(1 << 30)
with open(texts, newline="", encoding="utf-8") as f:
    given = [(row["text"], row["label"]) for row in csv.DictReader(f)]
for name, n in (("tenth", rows // 10), ("all", rows)):
    with open(f"{work}/{name}.csv", "w", newline="", encoding="utf-8") as f:
        out = csv.writer(f)
        out.writerow(["text", "label"])
        for i in range(n):
            text, label = given[i % len(given)]
            out.writerow([f"{text} {i}", label])
PY

ours() {
	"$build/tests/bench/rows" "$model" "$work/$1.csv" "$work/data" 64 2>"$work/stderr" >"$work/$2" || {
		cat "$work/stderr" >&2
		exit 1
	}
}
ours tenth ours-tenth
ours all ours-cold
ours all ours-again
for processes in 1 $(nproc); do
	.deps/venv/bin/python tests/bench/rows_peer.py "$model" "$work/all.csv" "$work/cache-$processes" 64 "$processes" \
		2>"$work/stderr" >"$work/peer-$processes" || { cat "$work/stderr" >&2; exit 1; }
	rm -rf "$work/cache-$processes"
done
for name in tenth all; do
	BERTD="$build/bertd" python3 tests/bench/rows_daemon.py "$(dirname "$model")" "$(basename "$model")" \
		"$work/$name.csv" >"$work/daemon-$name"
done

echo "$rows rows of $texts, max_length 64, $(nproc) cores, load $(cut -d' ' -f1-3 /proc/loadavg)"
python3 - "$work" "$(nproc)" <<'PY'
import json, pathlib, sys
work, cores = pathlib.Path(sys.argv[1]), sys.argv[2]


def read(name):
    return [json.loads(line) for line in (work / name).read_text().splitlines() if line[:1] == "{"]


def row(title, seconds, rows, memory):
    print(f"{title:44}{seconds:10.2f} s{rows / seconds:12.0f} rows/s{memory / 1e6:9.0f} MB")


cold, again, tenth = (read(f"ours-{name}")[0] for name in ("cold", "again", "tenth"))
peers = {p: read(f"peer-{p}")[0] for p in dict.fromkeys(("1", cores))}
print(f"{'':44}{'':12}{'':19}{'peak RSS':>12}")
row("bertd, read + encode + report + file", cold["seconds"], cold["rows"], cold["peak_rss_bytes"])
for p, peer in peers.items():
    title = "datasets.map" + (f", num_proc={p}" if p != "1" else ", threads of the tokenizer")
    row(title, peer["map_seconds"], peer["rows"], peer["peak_rss_bytes"])
    row("  and load_dataset", peer["map_seconds"] + peer["load_seconds"], peer["rows"], peer["peak_rss_bytes"])
best = min(peer["map_seconds"] for peer in peers.values())
print(f"ratio to the faster map: {best / cold['seconds']:.1f}")
print(f"second preparation: {again['seconds']:.3f} s (found: {again['found']}), file {cold['cache_bytes'] / 1e6:.0f} MB")
print(f"RssAnon after preparing: {tenth['rss_anon_bytes'] / 1e6:.1f} MB for a tenth of the rows, "
      f"{cold['rss_anon_bytes'] / 1e6:.1f} MB for all")
for name in ("tenth", "all"):
    for job, title in zip(read(f"daemon-{name}"), ("first", "second")):
        print(f"daemon, {name:5} {title:6} job: accepted after {job['accepted_seconds']:.2f} s, running after "
              f"{job['running_seconds']:.2f} s, first step after {job['first_step_seconds']:.2f} s, RssAnon {job['rss_anon_bytes'] / 1e6:.0f} MB")
PY
