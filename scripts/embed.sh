#!/bin/sh
# Writes a C file with the bytes of the files named: core/base/embedded.h says how to find them.
set -eu
echo '#include "base/embedded.h"'
i=0
for f in "$@"; do
	echo "static const unsigned char file$i[] = {"
	od -An -v -tx1 "$f" | sed 's/ \(..\)/0x\1,/g'
	echo '0 };'
	i=$((i + 1))
done
echo 'const struct embedded embedded_files[] = {'
i=0
for f in "$@"; do
	echo "{ \"$f\", file$i, sizeof(file$i) - 1 },"
	i=$((i + 1))
done
echo '{ 0, 0, 0 } };'
