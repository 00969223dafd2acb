-- Triggers of one layer. `{columns}` are what people set: a change of the kept columns alone is no new version.
DROP TRIGGER IF EXISTS gis_0_held ON {table};
CREATE TRIGGER gis_0_held BEFORE INSERT OR UPDATE OF {placing} ON {table}
    FOR EACH STATEMENT EXECUTE FUNCTION gis_await_places();

-- Whoever owns the table may bring rows whose place and version it has found for many at once (ingest/insert.py), and says
-- for which table; such a row names its change. For everybody else, and for each row that names none, triggers find both.
DROP TRIGGER IF EXISTS gis_1_place ON {table};
CREATE TRIGGER gis_1_place BEFORE INSERT ON {table}
    FOR EACH ROW WHEN ({found_here}) EXECUTE FUNCTION gis_keep_place();
DROP TRIGGER IF EXISTS gis_1_moved ON {table};
CREATE TRIGGER gis_1_moved BEFORE UPDATE OF {placing} ON {table}
    FOR EACH ROW EXECUTE FUNCTION gis_keep_place();

DROP TRIGGER IF EXISTS gis_2_version ON {table};
CREATE TRIGGER gis_2_version BEFORE INSERT ON {table}
    FOR EACH ROW WHEN ({found_here}) EXECUTE FUNCTION gis_keep_version();
DROP TRIGGER IF EXISTS gis_2_changed ON {table};
CREATE TRIGGER gis_2_changed BEFORE UPDATE OF {columns} ON {table}
    FOR EACH ROW EXECUTE FUNCTION gis_keep_version();

-- The highest number is the last entry of an index.
CREATE INDEX IF NOT EXISTS ix_{table}_number ON {table} (gis_number({prefix}, code));
