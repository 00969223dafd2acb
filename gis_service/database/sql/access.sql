-- Who acts, and what is hers. These functions run as the owner of the tables: who asks cannot read the accounts. They
-- are PL/pgSQL because it keeps plans for the session: a policy asks them with every query.
CREATE OR REPLACE FUNCTION gis_user() RETURNS users
LANGUAGE sql STABLE SECURITY DEFINER SET search_path FROM CURRENT AS $$
    SELECT u FROM users u WHERE u.name = current_setting('gis.user_name', true) AND u.active
$$;

CREATE OR REPLACE FUNCTION gis_may(duty text) RETURNS boolean
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path FROM CURRENT AS $$
BEGIN
    RETURN EXISTS (
        SELECT FROM users u WHERE u.name = current_setting('gis.user_name', true) AND u.active
            AND u.role = ANY (CASE duty {duties} END)
    );
END $$;

-- Whether her areas are not narrowed; and else the codes of her areas, and of all areas inside them.
CREATE OR REPLACE FUNCTION gis_everywhere() RETURNS boolean
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path FROM CURRENT AS $$
BEGIN
    RETURN EXISTS (
        SELECT FROM users u WHERE u.name = current_setting('gis.user_name', true) AND u.active AND u.areas IS NULL
    );
END $$;

CREATE OR REPLACE FUNCTION gis_areas() RETURNS text[]
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path FROM CURRENT AS $$
DECLARE
    hers text[] := (gis_user()).areas;
BEGIN
    RETURN ARRAY(
        WITH RECURSIVE inside AS (
            SELECT a.code FROM {areas} a WHERE a.code = ANY (hers)
            UNION SELECT a.code FROM {areas} a JOIN inside ON a.parent_code = inside.code
        )
        SELECT code FROM inside
    );
END $$;

-- The codes of the areas around hers: the district's outline, but none of her neighbours.
CREATE OR REPLACE FUNCTION gis_areas_around() RETURNS text[]
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path FROM CURRENT AS $$
DECLARE
    hers text[] := (gis_user()).areas;
BEGIN
    RETURN ARRAY(
        WITH RECURSIVE around AS (
            SELECT a.parent_code AS code FROM {areas} a WHERE a.code = ANY (hers)
            UNION SELECT a.parent_code FROM {areas} a JOIN around ON a.code = around.code
        )
        SELECT code FROM around WHERE code IS NOT NULL
    );
END $$;

-- Whether a layer is hers as a whole; and else which layers are: what is about their features is hers too.
CREATE OR REPLACE FUNCTION gis_holds(layer text) RETURNS boolean
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path FROM CURRENT AS $$
BEGIN
    RETURN EXISTS (
        SELECT FROM users u WHERE u.name = current_setting('gis.user_name', true) AND u.active
            AND (u.layers IS NULL OR layer = ANY (u.layers))
    );
END $$;

CREATE OR REPLACE FUNCTION gis_layers() RETURNS text[]
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path FROM CURRENT AS $$
BEGIN
    RETURN coalesce((gis_user()).layers, '{{}}');
END $$;

CREATE OR REPLACE FUNCTION gis_columns() RETURNS text[]
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path FROM CURRENT AS $$
BEGIN
    RETURN (gis_user()).columns;
END $$;

-- Whether a record lies in her areas with all of it: what is also elsewhere may be read, not written.
CREATE OR REPLACE FUNCTION gis_within(area_code text, shares jsonb) RETURNS boolean
LANGUAGE sql STABLE SET search_path FROM CURRENT AS $$
    SELECT gis_everywhere()
        OR CASE WHEN shares IS NULL THEN ARRAY[area_code] ELSE ARRAY(SELECT jsonb_object_keys(shares)) END <@ gis_areas()
$$;

-- Whether she sees a record, and whether she may write to it. They run as who asks, so that the table's policies decide.
CREATE OR REPLACE FUNCTION gis_sees(layer text, code text) RETURNS boolean
LANGUAGE plpgsql STABLE SET search_path FROM CURRENT AS $$
DECLARE
    found boolean := false;
BEGIN
    IF layer IN ({layers}) THEN
        EXECUTE format('SELECT EXISTS (SELECT FROM %I t WHERE t.code = $1)', layer) INTO found USING code;
    END IF;
    RETURN found;
END $$;

CREATE OR REPLACE FUNCTION gis_reaches(layer text, code text) RETURNS boolean
LANGUAGE plpgsql STABLE SET search_path FROM CURRENT AS $$
DECLARE
    found boolean := false;
BEGIN
    IF layer IN ({layers}) THEN
        EXECUTE format(
            'SELECT EXISTS (SELECT FROM %I t WHERE t.code = $1 AND gis_within(t.area_code, t.shares))', layer
        ) INTO found USING code;
    END IF;
    RETURN found;
END $$;

-- What is asked before anybody is known: the hash to compare a password with, and whose a token is.
CREATE OR REPLACE FUNCTION gis_password_of(user_name text) RETURNS text
LANGUAGE sql STABLE SECURITY DEFINER SET search_path FROM CURRENT AS $$
    SELECT u.password FROM users u WHERE u.name = user_name AND u.active
$$;

CREATE OR REPLACE FUNCTION gis_known_by(token_hash text, OUT user_name text, OUT kind text)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path FROM CURRENT AS $$
    SELECT t.user_name, t.kind FROM tokens t JOIN users u ON u.name = t.user_name
    WHERE t.hash = token_hash AND u.active AND (t.expires_at IS NULL OR t.expires_at > now())
$$;

-- Only the service asks these: whoever else may connect learns neither hashes nor whose a token is.
REVOKE ALL ON FUNCTION gis_password_of(text), gis_known_by(text) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION gis_password_of(text), gis_known_by(text) TO "{service}";

CREATE OR REPLACE FUNCTION gis_set_own_password(hash text) RETURNS void
LANGUAGE sql SECURITY DEFINER SET search_path FROM CURRENT AS $$
    UPDATE users u SET password = hash WHERE u.name = (gis_user()).name
$$;

-- The change that this transaction is: made when it first writes to a layer.
CREATE OR REPLACE FUNCTION gis_change() RETURNS bigint
LANGUAGE plpgsql SECURITY DEFINER SET search_path FROM CURRENT AS $$
DECLARE
    known bigint := nullif(current_setting('gis.change', true), '')::bigint;
BEGIN
    IF known IS NULL THEN
        INSERT INTO changes (recorded_by, reason, valid_from, undoes) VALUES (
            nullif(current_setting('gis.user_name', true), ''), nullif(current_setting('gis.reason', true), ''),
            gis_moment(), nullif(current_setting('gis.undoes', true), '')::bigint
        ) RETURNING id INTO known;
        PERFORM set_config('gis.change', known::text, true);
    END IF;
    RETURN known;
END $$;

-- How many versions of each layer a change has made or ended, hers or not: she takes back all of it or nothing.
CREATE OR REPLACE FUNCTION gis_touched(known bigint) RETURNS TABLE (layer text, versions bigint)
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path FROM CURRENT AS $$
BEGIN
    FOREACH layer IN ARRAY ARRAY[{layers}] LOOP
        EXECUTE format(
            'SELECT (SELECT count(*) FROM %1$I WHERE change = $1) + '
            '(SELECT count(*) FROM %2$I WHERE change = $1 OR ended_change = $1)', layer, layer || '_history'
        ) INTO versions USING known;
        IF versions > 0 THEN
            RETURN NEXT;
        END IF;
    END LOOP;
END $$;

-- She sets only the columns that are hers, and gives an earlier day only where she may.
CREATE OR REPLACE FUNCTION gis_permit() RETURNS trigger
LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
DECLARE
    hers text[] := gis_columns();
    touched text;
BEGIN
    IF nullif(current_setting('gis.valid_from', true), '') IS NOT NULL AND NOT gis_may('backdate') THEN
        RAISE EXCEPTION 'an earlier day needs the duty to backdate' USING ERRCODE = 'GIS02', COLUMN = 'valid_from';
    END IF;
    IF TG_OP = 'DELETE' THEN
        RETURN OLD;
    END IF;
    IF TG_OP = 'UPDATE' AND hers IS NOT NULL THEN
        SELECT n.key INTO touched FROM jsonb_each(to_jsonb(NEW)) n JOIN jsonb_each(to_jsonb(OLD)) o USING (key)
        WHERE n.value IS DISTINCT FROM o.value AND n.key <> ALL (hers) LIMIT 1;
        IF touched IS NOT NULL THEN
            RAISE EXCEPTION 'the column % is not hers', touched USING ERRCODE = 'GIS02', COLUMN = touched;
        END IF;
    END IF;
    RETURN NEW;
END $$;
