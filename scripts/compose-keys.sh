#!/bin/sh
# For docker-compose.yml: makes the database's passwords at the first start, in a volume that only its services see.
set -eu
keys=${KEYS:-/keys}
for role in postgres gis gis_service; do
  [ -s "$keys/$role" ] || python3 -c 'import secrets; print(secrets.token_urlsafe(24), end="")' >"$keys/$role"
done
umask 077 # libpq reads a password file of its owner only
for role in gis gis_service; do printf '*:*:*:%s:%s\n' "$role" "$(cat "$keys/$role")"; done >"$keys/pgpass"
