-- A table that is only ever appended to, by triggers.
DROP TRIGGER IF EXISTS gis_4_kept ON {table};
CREATE TRIGGER gis_4_kept BEFORE UPDATE OR DELETE OR TRUNCATE ON {table}
    FOR EACH STATEMENT EXECUTE FUNCTION gis_refuse_change();
ALTER TABLE {table} ENABLE ROW LEVEL SECURITY;
DROP POLICY IF EXISTS gis_read ON {table};
CREATE POLICY gis_read ON {table} FOR SELECT USING ({readable});
GRANT SELECT ON {table} TO "{service}";
