-- Whose the rows of one layer are. Reading: what lies in her areas, be it only with a part. Writing: what lies there whole.
ALTER TABLE {table} ENABLE ROW LEVEL SECURITY;
DROP POLICY IF EXISTS gis_read ON {table};
CREATE POLICY gis_read ON {table} FOR SELECT USING ({readable});
DROP POLICY IF EXISTS gis_create ON {table};
CREATE POLICY gis_create ON {table} FOR INSERT WITH CHECK ({creatable});
DROP POLICY IF EXISTS gis_change ON {table};
CREATE POLICY gis_change ON {table} FOR UPDATE USING ({changeable}) WITH CHECK ({changed});
DROP POLICY IF EXISTS gis_remove ON {table};
CREATE POLICY gis_remove ON {table} FOR DELETE USING ({removable});

ALTER TABLE {table}_history ENABLE ROW LEVEL SECURITY;
DROP POLICY IF EXISTS gis_read ON {table}_history;
CREATE POLICY gis_read ON {table}_history FOR SELECT USING ({readable});

DROP TRIGGER IF EXISTS gis_0_permitted ON {table};
CREATE TRIGGER gis_0_permitted BEFORE INSERT OR UPDATE OR DELETE ON {table}
    FOR EACH ROW WHEN (row_security_active('{table}'::regclass)) EXECUTE FUNCTION gis_permit();

GRANT SELECT, INSERT, UPDATE, DELETE ON {table} TO "{service}";
GRANT SELECT ON {table}_history TO "{service}";
GRANT SELECT ON "{past}".{table} TO "{service}";
