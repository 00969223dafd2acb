#!/bin/sh
# For docker-compose.yml: run once by the PostGIS image. The service's role owns its database and is no superuser.
set -eu
psql --no-psqlrc --quiet --set ON_ERROR_STOP=1 --username postgres --dbname "$POSTGRES_DB" \
  --set database="$POSTGRES_DB" --set password="$(cat "${KEYS:-/keys}/gis")" <<'SQL'
SET client_min_messages = warning;
CREATE ROLE gis LOGIN PASSWORD :'password';
ALTER DATABASE :"database" OWNER TO gis;
CREATE EXTENSION IF NOT EXISTS postgis;
SQL
