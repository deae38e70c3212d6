#!/bin/bash
# Exit 0 when /readyz answers 200. bash speaks TCP itself, so the image needs no HTTP client.
address=${BERTD_LISTEN:-0.0.0.0:8080}
exec 3<>"/dev/tcp/127.0.0.1/${address##*:}" || exit 1
printf 'GET /readyz HTTP/1.0\r\nHost: 127.0.0.1\r\n\r\n' >&3
read -r -t 4 _ status _ <&3
[ "$status" = 200 ]
