#!/bin/sh
# Includes go one way: server → jobs, serve → train → model, data, hub → text → base; and each big dependency has its files.
set -eu
cd "$(dirname "$0")/.."
bad=0
complain() { echo "check-layers: $*"; bad=1; }

rank() {
	case $1 in
	base) echo 0 ;; text) echo 1 ;; data | hub | model) echo 2 ;; train) echo 3 ;; serve | jobs) echo 4 ;; *) echo 5 ;;
	esac
}

for f in $(git ls-files -co --exclude-standard 'core/*.c' 'core/*.h' 'core/*.cpp' 'core/*.hpp'); do
	own=$(echo "$f" | cut -d/ -f2)
	for target in $(sed -n 's/^#include "\([^"]*\)".*/\1/p' "$f"); do
		folder=${target%%/*}
		[ -e "core/$target" ] || { complain "$f includes $target, which is not in core/"; continue; }
		[ "$folder" = "$own" ] || [ "$(rank "$folder")" -lt "$(rank "$own")" ] ||
			complain "$f ($own) includes $target ($folder)"
	done
done

# header pattern, and the files that may include it
only() {
	pattern=$1
	shift
	for f in $(git grep -lE --untracked "^#include [<\"]$pattern" -- core server); do
		case " $* " in *" $f "*) ;; *) complain "$f includes $pattern; only $* may" ;; esac
	done
}
only 'sqlite3\.h' core/jobs/db.c
only 'microhttpd\.h' server/http_impl.h
only 'curl/' core/hub/http.c
parquet='core/data/parquet.cpp core/data/parquet_pages.cpp core/data/parquet_columns.cpp core/data/parquet_impl.hpp'
only 'arrow/' $parquet
only 'parquet/' $parquet
for f in $(git grep -lE --untracked '^#include <(ATen|torch|c10)' -- core server); do
	case $f in core/model/*.cpp | core/model/*.hpp) ;; *) complain "$f includes libtorch; only core/model/*.cpp may" ;; esac
done
[ "$bad" = 0 ] && echo "check-layers: ok"
exit "$bad"
