#!/bin/sh
# For docker-compose.yml: run once by the PostGIS image. One role owns the tables, another serves requests; neither is a
# superuser, and the row policies hold the latter.
set -eu
psql --no-psqlrc --quiet --set ON_ERROR_STOP=1 --username postgres --dbname "$POSTGRES_DB" \
  --set database="$POSTGRES_DB" --set password="$(cat "${KEYS:-/keys}/gis")" --set service_password="$(cat "${KEYS:-/keys}/gis_service")" <<'SQL'
SET client_min_messages = warning;
CREATE ROLE gis LOGIN PASSWORD :'password';
CREATE ROLE gis_service LOGIN NOINHERIT PASSWORD :'service_password';
ALTER DATABASE :"database" OWNER TO gis;
CREATE EXTENSION IF NOT EXISTS postgis;
-- boxes may use their index under row policies
ALTER FUNCTION geometry_overlaps(geometry, geometry) LEAKPROOF;
SQL
