-- A table of the engine's own: its rows are hers by its own rule, and what was is kept.
CREATE TABLE IF NOT EXISTS {table}_history (LIKE {table}, ended_at timestamptz, ended_by text, deleted boolean);
{missing}
CREATE OR REPLACE FUNCTION gis_remember_{table}() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path FROM CURRENT AS $$
BEGIN
    INSERT INTO {table}_history ({columns}, ended_at, ended_by, deleted)
    SELECT {old}, clock_timestamp(), nullif(current_setting('gis.user_name', true), ''), TG_OP = 'DELETE';
    RETURN NULL;
END $$;
DROP TRIGGER IF EXISTS gis_4_changed ON {table};
CREATE TRIGGER gis_4_changed AFTER UPDATE OR DELETE ON {table}
    FOR EACH ROW EXECUTE FUNCTION gis_remember_{table}();
DROP TRIGGER IF EXISTS gis_5_truncated ON {table};
CREATE TRIGGER gis_5_truncated BEFORE TRUNCATE ON {table}
    FOR EACH STATEMENT EXECUTE FUNCTION gis_refuse_truncate();

ALTER TABLE {table} ENABLE ROW LEVEL SECURITY;
ALTER TABLE {table}_history ENABLE ROW LEVEL SECURITY;
DROP POLICY IF EXISTS gis_read ON {table};
CREATE POLICY gis_read ON {table} FOR SELECT USING ({readable});
DROP POLICY IF EXISTS gis_read ON {table}_history;
CREATE POLICY gis_read ON {table}_history FOR SELECT USING ({readable});
DROP POLICY IF EXISTS gis_create ON {table};
CREATE POLICY gis_create ON {table} FOR INSERT WITH CHECK ({writable});
DROP POLICY IF EXISTS gis_change ON {table};
CREATE POLICY gis_change ON {table} FOR UPDATE USING ({writable}) WITH CHECK ({writable});
DROP POLICY IF EXISTS gis_remove ON {table};
CREATE POLICY gis_remove ON {table} FOR DELETE USING ({writable});
GRANT SELECT, INSERT, UPDATE, DELETE ON {table} TO "{service}";
GRANT SELECT ON {table}_history TO "{service}";
