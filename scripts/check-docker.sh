#!/bin/sh
# The README's tour against the container: builds the CPU image, starts it by docker/compose.yaml under a project name of
# its own, uploads, trains, restarts it in mid-training, classifies before and after another restart, takes it down again.
# Then builds the CUDA image, which is several GB, and runs nothing of it but --version; CUDA=0 leaves it out.
# Without docker it does nothing. Needs the small model that scripts/deps.sh fetches.
set -eu
cd "$(dirname "$0")/.."
base=debian:bookworm-slim
max_megabytes=750
patience=300 # seconds

skip() { echo "check-docker: skipped: $*"; exit 0; }
fail() { echo "check-docker: $*" >&2; exit 1; }
step() { echo "check-docker: $*"; }

command -v docker >/dev/null || skip "there is no docker"
docker info >/dev/null 2>&1 || skip "the docker daemon does not answer"
if docker compose version >/dev/null 2>&1; then
	compose='docker compose'
elif command -v docker-compose >/dev/null; then
	compose=docker-compose
else
	skip "there is no docker-compose"
fi
docker image inspect $base >/dev/null 2>&1 || docker pull -q $base || fail "$base is not here and cannot be pulled;
without a registry make it as root: debootstrap --variant=minbase bookworm DIR && tar -C DIR -c . | docker import - $base"

folder=$(mktemp -d)
lent_ca=
unset BERTD_KEYS BERTD_MEMORY BERTD_LOG_LEVEL
export COMPOSE_PROJECT_NAME=bertd-check-$$ COMPOSE_FILE=docker/compose.yaml
export BERTD_IMAGE=bertd:check BERTD_PUBLISH=127.0.0.1:0 BERTD_MODELS="$folder/models"
BERTD_COMMIT=$(git rev-parse --short HEAD 2>/dev/null || echo unknown)
export BERTD_COMMIT
finish() {
	status=$?
	trap - EXIT INT TERM
	[ $status = 0 ] || $compose logs --tail=40 bertd >&2 2>/dev/null || true
	$compose down -v -t 10 >/dev/null 2>&1 || true
	[ -z "$lent_ca" ] || rm -f "$lent_ca"
	rm -rf "$folder"
	exit $status
}
trap finish EXIT
trap 'exit 1' INT TERM

# pip in the build trusts what pip here was told to trust.
if [ ! -e docker/extra-ca.crt ] && [ -n "${PIP_CERT:-}" ]; then
	lent_ca=docker/extra-ca.crt
	cp "$PIP_CERT" $lent_ca
fi
mkdir "$folder/models"
cp -rL .deps/models/all-MiniLM-L6-v2 "$folder/models/"
chmod -R a+rX "$folder/models"

step "building $BERTD_IMAGE"
$compose build bertd >"$folder/build.log" 2>&1 || { tail -n 40 "$folder/build.log" >&2; fail "the image does not build"; }
megabytes=$(($(docker image inspect -f '{{.Size}}' $BERTD_IMAGE) / 1000000))
step "the image has $megabytes MB"
[ $megabytes -le $max_megabytes ] || fail "more than $max_megabytes MB"
docker run --rm --entrypoint sh $BERTD_IMAGE -c 'for c in gcc cc g++ python3 pip make curl; do
	if command -v $c; then exit 1; fi; done' || fail "the image holds a tool that only builds need"

docker run --rm --entrypoint test $BERTD_IMAGE -s /etc/ssl/certs/ca-certificates.crt ||
	fail "the image trusts no certificate authority: downloads would fail"

wait_healthy() {
	end=$(($(date +%s) + patience))
	until [ "$(docker inspect -f '{{.State.Health.Status}}' "$container")" = healthy ]; do
		[ "$(date +%s)" -lt $end ] || fail "the container did not get healthy"
		sleep 0.5
	done
	# The port is the system's choice, another one after each start.
	url=http://$($compose port bertd 8080)
}
ask() {
	path=$1
	shift
	curl -sS --fail-with-body --max-time $patience -H "Authorization: Bearer $key" "$url$path" "$@"
}
member() { python3 -c 'import json,sys; print(json.load(sys.stdin)[sys.argv[1]])' "$1"; }
classify() {
	ask /classify -H 'Content-Type: application/json' \
		-d '{"model": "reviews", "input": "I hate this movie! It is terrible.", "top_k": 2}' |
		python3 -c 'import json,sys; r = json.load(sys.stdin)["data"][0]; print(r["label"], r["score"])'
}
first_key() { $compose logs --no-color bertd | sed -n 's/.*shown only now: //p'; }

step "starting it"
$compose up -d bertd >/dev/null 2>&1 || fail "$compose up failed"
container=$($compose ps -q bertd)
wait_healthy
key=$(first_key)
[ ${#key} = 48 ] || fail "the first start did not print a key"
[ "$(curl -s -o /dev/null -w '%{http_code}' "$url/jobs")" = 401 ] || fail "a request without the key was let in"
prometheus=$(docker exec "$container" cat /var/lib/bertd/prometheus.key)
curl -sS --fail -H "Authorization: Bearer $prometheus" "$url/metrics" >/dev/null || fail "Prometheus's key is refused"

step "uploading and queueing"
data=$(ask '/datasets?name=reviews' -H 'Content-Type: text/csv' --data-binary @tests/data/reviews_train.csv | member id)
test=$(ask '/datasets?name=test' -H 'Content-Type: text/csv' --data-binary @tests/data/reviews_test.csv | member id)
format=$(ask /datasets --data-binary @tests/data/parquet/plain.parquet | member format)
[ "$format" = parquet ] || fail "a Parquet file was taken for $format"
job=$(ask /jobs -H 'Content-Type: application/json' -d "{\"model\": \"all-MiniLM-L6-v2\", \"name\": \"reviews\",
	\"dataset\": {\"train\": \"$data\", \"validation_split\": 0.1, \"test\": \"$test\"},
	\"args\": {\"num_train_epochs\": 4, \"logging_steps\": 5}}" | member id)

step "restarting it after the first checkpoint of $job"
ask "/jobs/$job/metrics" -N 2>/dev/null | grep -m1 '"type":"checkpoint"' >/dev/null || fail "no checkpoint was streamed"
docker restart "$container" >/dev/null
wait_healthy
ask "/jobs/$job/metrics" -N >"$folder/records"
grep -q '"resumed_from"' "$folder/records" || fail "the job was not resumed from a checkpoint"
tail -n 1 "$folder/records" | grep -q '"status":"succeeded"' || fail "the job did not succeed"

before=$(classify)
step "classify: $before"
docker restart "$container" >/dev/null
wait_healthy
after=$(classify)
[ "$before" = "$after" ] || fail "after a restart the answer is $after"
[ "${before%% *}" = negative ] || fail "the sentence should be negative"
[ "$(first_key)" = "$key" ] || fail "a restart printed a key again"
[ "$(docker inspect -f '{{.RestartCount}}' "$container")" = 0 ] || fail "the daemon died in between"
code=$(docker stop "$container" >/dev/null && docker inspect -f '{{.State.ExitCode}}' "$container")
[ "$code" = 0 ] || fail "on SIGTERM it ended with $code"

if [ "${CUDA:-1}" != 0 ]; then
	step "building the CUDA image"
	docker build -q -f docker/Dockerfile --target cuda --build-arg COMMIT="$BERTD_COMMIT" -t bertd:check-cuda . \
		>"$folder/build.log" 2>&1 || { tail -n 40 "$folder/build.log" >&2; fail "the CUDA image does not build"; }
	docker run --rm --entrypoint bertd bertd:check-cuda --version >"$folder/version" || fail "the CUDA image's bertd does not start"
	grep -q "commit $BERTD_COMMIT" "$folder/version" || fail "the CUDA image's bertd is of another commit"
	step "the CUDA image has $(($(docker image inspect -f '{{.Size}}' bertd:check-cuda) / 1000000)) MB"
fi
step "ok"
