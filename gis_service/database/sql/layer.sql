-- Triggers of one layer. `{columns}` are what people set: a change of the kept columns alone is no new version.
DROP TRIGGER IF EXISTS gis_0_held ON {table};
CREATE TRIGGER gis_0_held BEFORE INSERT OR UPDATE OF {placing} ON {table}
    FOR EACH STATEMENT EXECUTE FUNCTION gis_await_places();

DROP TRIGGER IF EXISTS gis_1_place ON {table};
CREATE TRIGGER gis_1_place BEFORE INSERT OR UPDATE OF {placing} ON {table}
    FOR EACH ROW EXECUTE FUNCTION gis_keep_place();

DROP TRIGGER IF EXISTS gis_2_version ON {table};
CREATE TRIGGER gis_2_version BEFORE INSERT OR UPDATE OF {columns} ON {table}
    FOR EACH ROW EXECUTE FUNCTION gis_keep_version();
