-- The ledger's loop: it moves only by its declared steps, each taken by somebody whose part it is, and leaves an event.
CREATE OR REPLACE FUNCTION gis_keep_loop() RETURNS trigger
LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
DECLARE
    step text := coalesce(current_setting('gis.transition', true), '');
BEGIN
    IF step = 'restore' AND gis_may('restore') THEN
        RETURN NEW;
    END IF;
    IF TG_OP = 'INSERT' THEN
        IF NEW.status = '{first}' AND {empty} THEN
            RETURN NEW;
        END IF;
    ELSIF ({old}) IS NOT DISTINCT FROM ({new}) THEN
        RETURN NEW;
    ELSIF EXISTS (
        SELECT FROM (VALUES {steps}) t (name, source, target, duty, not_by)
        WHERE t.name = step AND t.source = OLD.status AND t.target = NEW.status AND gis_may(t.duty)
            AND to_jsonb(OLD) ->> t.not_by IS DISTINCT FROM
                CASE WHEN t.not_by <> '' THEN current_setting('gis.user_name', true) ELSE '-' END
    ) THEN
        RETURN NEW;
    END IF;
    RAISE EXCEPTION 'the loop does not go so' USING ERRCODE = 'GIS03', COLUMN = NEW.code;
END $$;
DROP TRIGGER IF EXISTS gis_0_looped ON {table};
CREATE TRIGGER gis_0_looped BEFORE INSERT OR UPDATE ON {table}
    FOR EACH ROW WHEN (row_security_active('{table}'::regclass)) EXECUTE FUNCTION gis_keep_loop();

CREATE OR REPLACE FUNCTION gis_tell_events() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path FROM CURRENT AS $$
DECLARE
    step text := coalesce(current_setting('gis.transition', true), '');
    told events[]; -- in the order of the table's columns
BEGIN
    IF TG_OP = 'INSERT' THEN
        SELECT array_agg(ROW(NULL, n.code, step, NULL, n.status, n.deadline, n.valid_from, n.updated_at, n.updated_by,
            n.reason, n.change)::events) INTO told FROM new_rows n;
    ELSE
        SELECT array_agg(ROW(NULL, n.code, step, o.status, n.status, n.deadline, n.valid_from, n.updated_at, n.updated_by,
            n.reason, n.change)::events ORDER BY n.id) INTO told
        FROM old_rows o JOIN new_rows n USING (id) WHERE ({o}) IS DISTINCT FROM ({n});
    END IF;
    INSERT INTO events
        (code, transition, from_status, to_status, deadline, held_from, recorded_at, recorded_by, note, change)
    SELECT t.code, t.transition, t.from_status, t.to_status, t.deadline, t.held_from, t.recorded_at, t.recorded_by, t.note,
        t.change
    FROM unnest(told) t;
    RETURN NULL;
END $$;
DROP TRIGGER IF EXISTS gis_6_created ON {table};
CREATE TRIGGER gis_6_created AFTER INSERT ON {table}
    REFERENCING NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION gis_tell_events();
DROP TRIGGER IF EXISTS gis_6_stepped ON {table};
CREATE TRIGGER gis_6_stepped AFTER UPDATE ON {table}
    REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION gis_tell_events();
