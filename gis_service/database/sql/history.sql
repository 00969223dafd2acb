-- The past of one layer: the rows that were, from when to when each held, and what ended it, by whom and why.
CREATE TABLE IF NOT EXISTS {table}_history (
    LIKE {table},
    valid_to timestamptz NOT NULL,
    ended_at timestamptz NOT NULL,
    ended_by text,
    ended_reason text,
    ended_change bigint,
    deleted boolean NOT NULL
);
{missing}
ALTER TABLE {table}_history ADD COLUMN IF NOT EXISTS ended_change bigint;
CREATE INDEX IF NOT EXISTS ix_{table}_history_code ON {table}_history (code, version);
CREATE INDEX IF NOT EXISTS idx_{table}_history_geom ON {table}_history USING gist (geom);
CREATE INDEX IF NOT EXISTS ix_{table}_history_change ON {table}_history (ended_change);
CREATE INDEX IF NOT EXISTS ix_{table}_history_made ON {table}_history (change);
CREATE INDEX IF NOT EXISTS ix_{table}_history_gone ON {table}_history (valid_to) WHERE deleted;
CREATE INDEX IF NOT EXISTS ix_{table}_history_number ON {table}_history (gis_number({prefix}, code));

-- A trigger gathers its rows in a variable before it writes: so it also runs where the tables are spread over nodes.
CREATE OR REPLACE FUNCTION gis_remember_{table}() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path FROM CURRENT AS $$
DECLARE
    were {table}[];
    are {table}[];
BEGIN
    IF TG_OP = 'UPDATE' THEN
        SELECT array_agg(ROW(o.*)::{table}), array_agg(ROW(n.*)::{table}) INTO were, are
        FROM old_rows o JOIN new_rows n USING (id) WHERE o.version <> n.version;
        INSERT INTO {table}_history ({columns}, valid_to, ended_at, ended_by, ended_reason, ended_change, deleted)
        SELECT {old}, n.valid_from, n.updated_at, n.updated_by, n.reason, n.change, false
        FROM unnest(were) o JOIN unnest(are) n USING (id);
    ELSE
        SELECT array_agg(ROW(o.*)::{table}) INTO were FROM old_rows o;
        INSERT INTO {table}_history ({columns}, valid_to, ended_at, ended_by, ended_reason, ended_change, deleted)
        SELECT {old}, greatest(gis_moment(), o.valid_from), clock_timestamp(),
            nullif(current_setting('gis.user_name', true), ''), nullif(current_setting('gis.reason', true), ''),
            gis_change(), true
        FROM unnest(were) o;
    END IF;
    RETURN NULL;
END $$;

DROP TRIGGER IF EXISTS gis_4_updated ON {table};
CREATE TRIGGER gis_4_updated AFTER UPDATE ON {table}
    REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION gis_remember_{table}();
DROP TRIGGER IF EXISTS gis_4_deleted ON {table};
CREATE TRIGGER gis_4_deleted AFTER DELETE ON {table}
    REFERENCING OLD TABLE AS old_rows FOR EACH STATEMENT EXECUTE FUNCTION gis_remember_{table}();
-- What was deleted is not there again from before it was: no day would know which of the two held.
CREATE OR REPLACE FUNCTION gis_keep_order_{table}() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path FROM CURRENT AS $$
DECLARE
    late record;
    earliest timestamptz := (SELECT min(n.valid_from) FROM new_rows n);
BEGIN
    IF NOT EXISTS (SELECT FROM {table}_history h WHERE h.deleted AND h.valid_to > earliest) THEN
        RETURN NULL;
    END IF;
    -- asked row by row, by the index: the planner knows nothing of a history that has just grown
    SELECT * INTO late FROM (
        SELECT n.code, n.valid_from, (SELECT max(h.valid_to) FROM {table}_history h WHERE h.code = n.code AND h.deleted) AS since
        FROM new_rows n
    ) n WHERE n.since > n.valid_from LIMIT 1;
    IF FOUND THEN
        RAISE EXCEPTION '% was deleted only on %', late.code, late.since
            USING ERRCODE = 'GIS01', DETAIL = late.since::date::text, COLUMN = late.code;
    END IF;
    RETURN NULL;
END $$;
DROP TRIGGER IF EXISTS gis_3_in_order ON {table};
CREATE TRIGGER gis_3_in_order AFTER INSERT ON {table}
    REFERENCING NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION gis_keep_order_{table}();

DROP TRIGGER IF EXISTS gis_5_truncated ON {table};
CREATE TRIGGER gis_5_truncated BEFORE TRUNCATE ON {table}
    FOR EACH STATEMENT EXECUTE FUNCTION gis_refuse_truncate();

-- The layer as it stood at the moment `gis.as_of`. Whoever reads a past day has this schema first on the search_path,
-- so that every question is answered by the same SQL, of then as of now.
DROP VIEW IF EXISTS "{past}".{table} CASCADE;
CREATE VIEW "{past}".{table} WITH (security_invoker = true) AS
    SELECT {columns} FROM {table} WHERE valid_from < current_setting('gis.as_of')::timestamptz
    UNION ALL
    SELECT {columns} FROM {table}_history
    WHERE valid_from < current_setting('gis.as_of')::timestamptz AND valid_to >= current_setting('gis.as_of')::timestamptz;
