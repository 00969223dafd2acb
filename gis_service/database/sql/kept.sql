-- What is kept of one layer (see database/kept.py). Cells are only added by writers; `fresh` ones are folded into those that
-- stand by who happens to find nobody else at it, so nobody waits for a cell, and no two for each other.
CREATE UNIQUE INDEX IF NOT EXISTS uq_{table} ON {table} ({key}) NULLS NOT DISTINCT WHERE NOT fresh;
CREATE INDEX IF NOT EXISTS ix_{table}_fresh ON {table} (fresh) WHERE fresh;

CREATE OR REPLACE FUNCTION gis_fold_{table}() RETURNS void
LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
BEGIN
    -- an older snapshot would not see what was folded since
    IF current_setting('transaction_isolation') = 'read committed'
        AND pg_try_advisory_xact_lock(hashtextextended(current_schema() || '.{table}', 0)) THEN
        WITH gone AS (
            DELETE FROM {table} WHERE fresh RETURNING *
        )
        INSERT INTO {table} AS t ({columns}, fresh)
        SELECT {key}, {added}, false FROM gone GROUP BY {key} HAVING {something}
        ON CONFLICT ({key}) WHERE NOT fresh DO UPDATE SET {folded};
    END IF;
END $$;

CREATE OR REPLACE FUNCTION gis_keep_{table}() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path FROM CURRENT AS $$
DECLARE
    cells {table}[];
BEGIN
    IF TG_OP = 'INSERT' THEN
        SELECT array_agg(ROW({columns}, true)::{table}) INTO cells FROM ({inserted}) cell;
    ELSIF TG_OP = 'DELETE' THEN
        SELECT array_agg(ROW({columns}, true)::{table}) INTO cells FROM ({deleted}) cell;
    ELSE
        SELECT array_agg(ROW({columns}, true)::{table}) INTO cells FROM ({updated}) cell;
    END IF;
    INSERT INTO {table} SELECT cell.* FROM unnest(cells) cell;
    IF random() < 0.02 THEN
        PERFORM gis_fold_{table}();
    END IF;
    RETURN NULL;
END $$;

DROP TRIGGER IF EXISTS gis_6_{kept}_inserted ON {layer};
CREATE TRIGGER gis_6_{kept}_inserted AFTER INSERT ON {layer}
    REFERENCING NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION gis_keep_{table}();
DROP TRIGGER IF EXISTS gis_6_{kept}_updated ON {layer};
CREATE TRIGGER gis_6_{kept}_updated AFTER UPDATE ON {layer}
    REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION gis_keep_{table}();
DROP TRIGGER IF EXISTS gis_6_{kept}_deleted ON {layer};
CREATE TRIGGER gis_6_{kept}_deleted AFTER DELETE ON {layer}
    REFERENCING OLD TABLE AS old_rows FOR EACH STATEMENT EXECUTE FUNCTION gis_keep_{table}();

-- Who sees all of the layer sees what is kept of it; who does not is answered from the rows that she sees.
ALTER TABLE {table} ENABLE ROW LEVEL SECURITY;
DROP POLICY IF EXISTS gis_read ON {table};
CREATE POLICY gis_read ON {table} FOR SELECT USING ({readable});
GRANT SELECT ON {table} TO "{service}";
