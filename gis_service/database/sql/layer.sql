-- Triggers of one layer. `{columns}` are what people set: a change of the kept columns alone is no new version.
DROP TRIGGER IF EXISTS gis_0_held ON {table};
CREATE TRIGGER gis_0_held BEFORE INSERT OR UPDATE OF {placing} ON {table}
    FOR EACH STATEMENT EXECUTE FUNCTION gis_await_places();

-- Whoever owns the table turns these two off while it brings many rows whose places and versions it has found for all of them
-- at once (ingest/insert.py). Nobody else can.
DROP TRIGGER IF EXISTS gis_1_place ON {table};
CREATE TRIGGER gis_1_place BEFORE INSERT ON {table}
    FOR EACH ROW EXECUTE FUNCTION gis_keep_place();
DROP TRIGGER IF EXISTS gis_1_moved ON {table};
CREATE TRIGGER gis_1_moved BEFORE UPDATE OF {placing} ON {table}
    FOR EACH ROW WHEN (NEW.geom IS DISTINCT FROM OLD.geom) EXECUTE FUNCTION gis_keep_place();

DROP TRIGGER IF EXISTS gis_2_version ON {table};
CREATE TRIGGER gis_2_version BEFORE INSERT ON {table}
    FOR EACH ROW EXECUTE FUNCTION gis_keep_version();
DROP TRIGGER IF EXISTS gis_2_changed ON {table};
CREATE TRIGGER gis_2_changed BEFORE UPDATE OF {columns} ON {table}
    FOR EACH ROW EXECUTE FUNCTION gis_keep_version();

-- The highest number is the last entry of an index.
CREATE INDEX IF NOT EXISTS ix_{table}_number ON {table} (gis_number({prefix}, code));
