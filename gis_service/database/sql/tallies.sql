-- The tallies of one layer, by what cells are counted by; and as they were: a past day is counted from its rows.
CREATE INDEX IF NOT EXISTS ix_{table}_tallies_per ON {table}_tallies (per);

DROP VIEW IF EXISTS "{past}".{table}_tallies;
CREATE VIEW "{past}".{table}_tallies WITH (security_invoker = true) AS {then};
GRANT SELECT ON "{past}".{table}_tallies TO "{service}";
