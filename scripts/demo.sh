#!/bin/sh
# The main job from end to end: starts a daemon, queues a fine-tune of a small BERT on the sample reviews, follows its
# records, and classifies a sentence with the result. Each request is printed before it is sent.
set -eu
cd "$(dirname "$0")/.."
folder=$(mktemp -d)
"${BERTD:-build/bertd}" --listen=127.0.0.1:0 --port-file="$folder/port" --data-dir="$folder/data" \
	--data-root=tests/data --model-dir=.deps/models 2>"$folder/log" &
daemon=$!
trap 'kill $daemon 2>/dev/null || true; wait $daemon 2>/dev/null || true; rm -rf "$folder"' EXIT
trap 'exit 1' HUP INT TERM
tries=0
while [ ! -e "$folder/port" ]; do
	kill -0 $daemon 2>/dev/null || { cat "$folder/log" >&2; exit 1; }
	tries=$((tries + 1))
	[ $tries -lt 600 ] || { echo "demo: the daemon did not get ready" >&2; exit 1; }
	sleep 0.1
done
url=http://127.0.0.1:$(cat "$folder/port")

say() { printf '\n$ %s\n' "$*"; }
member() { python3 -c 'import json,sys; print(json.load(sys.stdin)[sys.argv[1]])' "$1"; }

job='{"model": "all-MiniLM-L6-v2",
  "dataset": {"train": "reviews_train.csv", "validation": "reviews_validation.csv", "test": "reviews_test.csv"},
  "args": {"logging_steps": 20}, "name": "reviews"}'
say "curl -X POST /jobs -d '$job'"
id=$(curl -sS --fail-with-body -X POST "$url/jobs" -H 'Content-Type: application/json' -d "$job" | member id)
echo "$id"

say "curl -N /jobs/$id/metrics"
curl -sS -N "$url/jobs/$id/metrics"

text='I hate this movie! It is terrible and I never want to watch it again. I hope whoever made it is ashamed of themselves!!!!'
say "curl /classify -d '{\"model\": \"reviews\", \"input\": \"$text\"}'"
answer=$(curl -sS --fail-with-body "$url/classify" -H 'Content-Type: application/json' \
	-d "{\"model\": \"reviews\", \"input\": \"$text\", \"top_k\": 2}")
echo "$answer"
echo "$answer" | grep -q '"label":"negative"' || { echo "demo: the sentence should be negative" >&2; exit 1; }
