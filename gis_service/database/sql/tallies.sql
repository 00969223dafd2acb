-- The tallies of one layer, by what cells are counted by; and as they were: a past day is counted from its rows.
CREATE INDEX IF NOT EXISTS ix_{table}_tallies_per ON {table}_tallies (per);
DROP TRIGGER IF EXISTS gis_6_inserted ON {table};
DROP TRIGGER IF EXISTS gis_6_updated ON {table};
DROP TRIGGER IF EXISTS gis_6_deleted ON {table};
DROP FUNCTION IF EXISTS gis_tally_{table}();

DROP VIEW IF EXISTS "{past}".{table}_tallies;
CREATE VIEW "{past}".{table}_tallies WITH (security_invoker = true) AS {then};
GRANT SELECT ON "{past}".{table}_tallies TO "{service}";
