-- The tallies of one layer. Cells are only added by writers; `fresh` ones are folded into those that stand by who happens to
-- find nobody else at it, so nobody waits for a cell, and no two for each other.
CREATE UNIQUE INDEX IF NOT EXISTS uq_{table}_tallies ON {table}_tallies ({key}) NULLS NOT DISTINCT WHERE NOT fresh;
CREATE INDEX IF NOT EXISTS ix_{table}_tallies_per ON {table}_tallies (per);
CREATE INDEX IF NOT EXISTS ix_{table}_tallies_fresh ON {table}_tallies (fresh) WHERE fresh;

CREATE OR REPLACE FUNCTION gis_fold_{table}() RETURNS void
LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
BEGIN
    -- an older snapshot would not see what was folded since
    IF current_setting('transaction_isolation') = 'read committed'
        AND pg_try_advisory_xact_lock(hashtextextended(current_schema() || '.{table}_tallies', 0)) THEN
        WITH gone AS (
            DELETE FROM {table}_tallies WHERE fresh RETURNING *
        )
        INSERT INTO {table}_tallies AS t ({columns}, fresh)
        SELECT {key}, {added}, false FROM gone GROUP BY {key} HAVING {something}
        ON CONFLICT ({key}) WHERE NOT fresh DO UPDATE SET {folded};
    END IF;
END $$;

CREATE OR REPLACE FUNCTION gis_tally_{table}() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path FROM CURRENT AS $$
DECLARE
    cells {table}_tallies[];
BEGIN
    IF TG_OP = 'INSERT' THEN
        SELECT array_agg(ROW({columns}, true)::{table}_tallies) INTO cells FROM ({inserted}) cell;
    ELSIF TG_OP = 'DELETE' THEN
        SELECT array_agg(ROW({columns}, true)::{table}_tallies) INTO cells FROM ({deleted}) cell;
    ELSE
        SELECT array_agg(ROW({columns}, true)::{table}_tallies) INTO cells FROM ({updated}) cell;
    END IF;
    INSERT INTO {table}_tallies SELECT cell.* FROM unnest(cells) cell;
    IF random() < 0.02 THEN
        PERFORM gis_fold_{table}();
    END IF;
    RETURN NULL;
END $$;

DROP TRIGGER IF EXISTS gis_6_inserted ON {table};
CREATE TRIGGER gis_6_inserted AFTER INSERT ON {table}
    REFERENCING NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION gis_tally_{table}();
DROP TRIGGER IF EXISTS gis_6_updated ON {table};
CREATE TRIGGER gis_6_updated AFTER UPDATE ON {table}
    REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION gis_tally_{table}();
DROP TRIGGER IF EXISTS gis_6_deleted ON {table};
CREATE TRIGGER gis_6_deleted AFTER DELETE ON {table}
    REFERENCING OLD TABLE AS old_rows FOR EACH STATEMENT EXECUTE FUNCTION gis_tally_{table}();

-- Who sees all of the layer sees its tallies; who does not is answered from the rows that she sees.
ALTER TABLE {table}_tallies ENABLE ROW LEVEL SECURITY;
DROP POLICY IF EXISTS gis_read ON {table}_tallies;
CREATE POLICY gis_read ON {table}_tallies FOR SELECT USING ({readable});
GRANT SELECT ON {table}_tallies TO "{service}";

-- A past day is counted from its rows.
DROP VIEW IF EXISTS "{past}".{table}_tallies;
CREATE VIEW "{past}".{table}_tallies WITH (security_invoker = true) AS {then};
GRANT SELECT ON "{past}".{table}_tallies TO "{service}";
