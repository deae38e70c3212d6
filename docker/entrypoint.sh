#!/bin/sh
# Starts bertd with API keys: those of the secret api_keys if it holds any, else those of a file in the volume,
# which the first start makes. Arguments go to bertd.
set -eu
umask 027
home=/var/lib/bertd
secret=/run/secrets/api_keys

random_key() { od -An -N24 -tx1 /dev/urandom | tr -d ' \n'; }

if [ -z "${BERTD_API_KEYS_FILE:-}" ]; then
	if grep -q '^[^#]' "$secret" 2>/dev/null; then
		BERTD_API_KEYS_FILE=$secret
	else
		BERTD_API_KEYS_FILE=$home/api_keys
		if [ ! -e "$BERTD_API_KEYS_FILE" ]; then
			key=$(random_key)
			printf 'default:%s\nprometheus:%s\n' "$key" "$(random_key)" >"$BERTD_API_KEYS_FILE.new"
			mv "$BERTD_API_KEYS_FILE.new" "$BERTD_API_KEYS_FILE"
			echo "bertd: made $BERTD_API_KEYS_FILE; the API key, shown only now: $key"
		fi
	fi
	export BERTD_API_KEYS_FILE
fi
# Prometheus reads a bare key; its container has the group of this file.
sed -n 's/^prometheus://p' "$BERTD_API_KEYS_FILE" >"$home/prometheus.key"
exec bertd "$@"
