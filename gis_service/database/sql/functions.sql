-- Functions of every district. Made anew at each upgrade; they see the district they were made in. Those that run as the
-- owner of the tables (SECURITY DEFINER) keep something that who writes may not see as a whole: areas, histories.

-- Geodesic metres of a line (dimension 1) or square metres of a polygon (2); parts of lower dimension count nothing.
CREATE OR REPLACE FUNCTION gis_measure(shape geometry, dimension integer) RETURNS double precision
LANGUAGE sql IMMUTABLE SET search_path FROM CURRENT AS $$
    SELECT CASE dimension
        WHEN 1 THEN ST_Length(ST_CollectionExtract(shape, 2)::geography)
        ELSE ST_Area(ST_CollectionExtract(shape, 3)::geography)
    END
$$;

-- The area that holds a shape, and the shape's metres or square metres in each area, '' for outside.
-- A point on a shared boundary goes to the area with the lowest code, and so does a line that runs along one: each
-- area takes its piece from what the areas before it have left, so that the pieces add up to the whole.
CREATE OR REPLACE FUNCTION gis_place(shape geometry, OUT area text, OUT shares jsonb)
LANGUAGE plpgsql STABLE SET search_path FROM CURRENT AS $$
DECLARE
    next record;
    rest geometry := shape;
    measured numeric;
    dimension integer := ST_Dimension(shape);
BEGIN
    IF shape IS NULL OR dimension = 0 THEN
        SELECT a.code INTO area FROM {areas} a
        WHERE a.leaf AND ST_Covers(a.geom, shape) ORDER BY a.code LIMIT 1;
        RETURN;
    END IF;
    shares := '{{}}';
    FOR next IN
        SELECT a.code, a.geom FROM {areas} a WHERE a.leaf AND ST_Intersects(a.geom, shape) ORDER BY a.code
    LOOP
        measured := round(gis_measure(ST_Intersection(rest, next.geom), dimension)::numeric, 3);
        IF measured > 0 THEN
            shares := shares || jsonb_build_object(next.code, measured);
        END IF;
        rest := ST_Difference(rest, next.geom);
        EXIT WHEN ST_IsEmpty(rest);
    END LOOP;
    measured := round(gis_measure(rest, dimension)::numeric, 3);
    IF measured > 0 OR shares = '{{}}' THEN
        shares := shares || jsonb_build_object('', measured);
    END IF;
    SELECT nullif(s.key, '') INTO area FROM jsonb_each(shares) s ORDER BY s.value::numeric DESC, s.key LIMIT 1;
END $$;

-- Places and areas are not written at the same time, or a record would be placed by an outline that is no longer there.
-- Who writes places shares the lock, who writes areas has it alone; it is taken before any other.
CREATE OR REPLACE FUNCTION gis_hold_places(alone boolean) RETURNS void
LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
DECLARE
    places bigint := hashtextextended(current_schema() || '.places', 0);
BEGIN
    IF alone THEN
        PERFORM pg_advisory_xact_lock(places);
    ELSE
        PERFORM pg_advisory_xact_lock_shared(places);
    END IF;
END $$;

CREATE OR REPLACE FUNCTION gis_await_places() RETURNS trigger
LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
BEGIN
    PERFORM gis_hold_places(TG_TABLE_NAME = '{areas}');
    RETURN NULL;
END $$;

CREATE OR REPLACE FUNCTION gis_keep_place() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path FROM CURRENT AS $$
BEGIN
    SELECT place.area, place.shares INTO NEW.area_code, NEW.shares FROM gis_place(NEW.geom) place;
    RETURN NEW;
END $$;

-- A point on a feature, with as many decimals as exports write; none where the feature is not there, or has no place.
CREATE OR REPLACE FUNCTION gis_point_on(layer text, code text) RETURNS geometry
LANGUAGE plpgsql STABLE SET search_path FROM CURRENT AS $$
DECLARE
    point geometry;
BEGIN
    IF layer IN ({layers}) THEN
        EXECUTE format('SELECT ST_PointOnSurface(t.geom) FROM %I t WHERE t.code = $1', layer) INTO point USING code;
    END IF;
    RETURN ST_SetSRID(ST_MakePoint(round(ST_X(point)::numeric, 8), round(ST_Y(point)::numeric, 8)), {srid});
END $$;

-- What is given no place of its own has its subject's, and follows when another subject is named. It is taken as the owner:
-- whoever may write about a feature need not see its layer.
CREATE OR REPLACE FUNCTION gis_take_place() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path FROM CURRENT AS $$
BEGIN
    IF TG_OP = 'UPDATE' THEN
        IF (NEW.subject_layer, NEW.subject_code) IS DISTINCT FROM (OLD.subject_layer, OLD.subject_code)
            AND ST_AsBinary(NEW.geom) = ST_AsBinary(OLD.geom)
            AND ST_AsBinary(OLD.geom) = ST_AsBinary(gis_point_on(OLD.subject_layer, OLD.subject_code)) THEN
            NEW.geom := NULL;
        END IF;
    END IF;
    IF NEW.geom IS NULL THEN
        NEW.geom := gis_point_on(NEW.subject_layer, NEW.subject_code);
    END IF;
    IF NEW.geom IS NULL AND TG_ARGV[0] = 'needed' THEN
        RAISE EXCEPTION '% has neither a place nor a subject', NEW.code USING ERRCODE = 'GIS04', COLUMN = NEW.code;
    END IF;
    RETURN NEW;
END $$;

-- The moment that a change holds from: the one that was given, else the district's clock.
CREATE OR REPLACE FUNCTION gis_moment() RETURNS timestamptz
LANGUAGE sql STABLE SET search_path FROM CURRENT AS $$
    SELECT coalesce(nullif(current_setting('gis.valid_from', true), '')::timestamptz, d.clock::timestamptz, now())
    FROM district d
$$;

-- The version moves only when something that people set has changed. It never holds from before the one it follows.
CREATE OR REPLACE FUNCTION gis_keep_version() RETURNS trigger
LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
BEGIN
    NEW.valid_from := gis_moment();
    IF TG_OP = 'INSERT' THEN
        NEW.version := greatest(NEW.version, 1); -- what is restored goes on from the version that it was
    ELSE
        NEW.version := OLD.version + 1;
        IF NEW.valid_from < OLD.valid_from THEN
            IF nullif(current_setting('gis.valid_from', true), '') IS NOT NULL THEN
                RAISE EXCEPTION 'a version of % cannot hold from before the one it follows (%)', OLD.code, OLD.valid_from
                    USING ERRCODE = 'GIS01', DETAIL = OLD.valid_from::date::text, COLUMN = OLD.code;
            END IF;
            NEW.valid_from := OLD.valid_from;
        END IF;
    END IF;
    NEW.updated_at := clock_timestamp();
    NEW.updated_by := nullif(current_setting('gis.user_name', true), '');
    NEW.reason := nullif(current_setting('gis.reason', true), '');
    NEW.change := gis_change();
    RETURN NEW;
END $$;

-- The codes that records are given who bring none: the layer's prefix and a number, written with as many digits as the
-- highest is. A number that a record has, or had before it was deleted, is not given again.
CREATE OR REPLACE FUNCTION gis_code(prefix text, number bigint, digits integer) RETURNS text
LANGUAGE sql IMMUTABLE SET search_path FROM CURRENT AS $$
    SELECT prefix || '-' || lpad(number::text, greatest(digits, length(number::text)), '0')
$$;

CREATE OR REPLACE FUNCTION gis_number(prefix text, code text) RETURNS bigint
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT CASE WHEN starts_with(code, prefix || '-') AND length(code) BETWEEN length(prefix) + 2 AND length(prefix) + 18
        AND translate(substr(code, length(prefix) + 2), '0123456789', '') = ''
        THEN substr(code, length(prefix) + 2)::bigint END
$$;

DROP FUNCTION IF EXISTS gis_code(text, bigint);
DROP FUNCTION IF EXISTS gis_highest(text, text);
CREATE FUNCTION gis_highest(layer text, prefix text, OUT number bigint, OUT digits integer)
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path FROM CURRENT AS $$
BEGIN
    IF layer IN ({layers}) THEN
        EXECUTE format(
            'SELECT gis_number($1, code), length(code) - length($1) - 1 FROM ('
            '(SELECT code FROM %1$I WHERE gis_number($1, code) IS NOT NULL '
            'ORDER BY gis_number($1, code) DESC, length(code) DESC LIMIT 1) UNION ALL '
            '(SELECT code FROM %2$I WHERE gis_number($1, code) IS NOT NULL '
            'ORDER BY gis_number($1, code) DESC, length(code) DESC LIMIT 1)'
            ') used ORDER BY 1 DESC, 2 DESC LIMIT 1',
            layer, layer || '_history'
        ) INTO number, digits USING prefix;
    END IF;
    number := coalesce(number, 0);
    digits := coalesce(digits, 6);
END $$;

-- Hierarchy follows from the shapes: the parent is the smallest larger area that holds at least nine tenths of an
-- area; a leaf is nobody's parent. A leaf holds itself, so that the statistics of areas are like those of any layer.
CREATE OR REPLACE FUNCTION gis_keep_hierarchy() RETURNS void
LANGUAGE sql SECURITY DEFINER SET search_path FROM CURRENT AS $$
    WITH size AS MATERIALIZED (
        SELECT code, geom, ST_Area(geom) AS area, ST_PointOnSurface(geom) AS inside FROM {areas}
    ), parent AS MATERIALIZED (
        SELECT child.code,
            (SELECT larger.code FROM size larger
             WHERE (larger.area, larger.code) > (child.area, child.code)
                AND ST_Covers(larger.geom, child.inside)
                AND ST_Area(ST_Intersection(larger.geom, child.geom)) >= 0.9 * child.area
             ORDER BY larger.area, larger.code LIMIT 1) AS parent_code
        FROM size child
    ), found AS (
        SELECT p.code, p.parent_code, NOT EXISTS (SELECT FROM parent c WHERE c.parent_code = p.code) AS leaf
        FROM parent p
    )
    UPDATE {areas} a
    SET parent_code = f.parent_code, leaf = f.leaf,
        area_code = CASE WHEN f.leaf THEN a.code END,
        shares = jsonb_build_object(CASE WHEN f.leaf THEN a.code ELSE '' END, round(gis_measure(a.geom, 2)::numeric, 3))
    FROM found f
    WHERE a.code = f.code AND (
        (a.parent_code, a.leaf, a.area_code) IS DISTINCT FROM (f.parent_code, f.leaf, CASE WHEN f.leaf THEN a.code END)
        OR a.shares IS NULL
    )
$$;

-- Place anew every feature that lies where areas have changed; their versions stay.
CREATE OR REPLACE FUNCTION gis_replace(changed geometry[]) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path FROM CURRENT AS $$
BEGIN
    {replacements}
END $$;

CREATE OR REPLACE FUNCTION gis_areas_changed() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path FROM CURRENT AS $$
DECLARE
    changed geometry[];
BEGIN
    IF TG_OP = 'INSERT' THEN
        SELECT array_agg(n.geom) INTO changed FROM new_rows n;
    ELSIF TG_OP = 'DELETE' THEN
        SELECT array_agg(o.geom) INTO changed FROM old_rows o;
    ELSE
        SELECT array_agg(o.geom) || array_agg(n.geom) INTO changed FROM old_rows o JOIN new_rows n USING (id)
        WHERE (ST_AsBinary(o.geom), o.leaf, o.code) IS DISTINCT FROM (ST_AsBinary(n.geom), n.leaf, n.code);
    END IF;
    IF changed IS NOT NULL THEN
        PERFORM gis_keep_hierarchy();
        PERFORM gis_replace(changed);
    END IF;
    RETURN NULL;
END $$;

CREATE OR REPLACE FUNCTION gis_refuse_truncate() RETURNS trigger
LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
BEGIN
    RAISE EXCEPTION 'TRUNCATE leaves no history; DELETE the rows of % instead', TG_TABLE_NAME;
END $$;

CREATE OR REPLACE FUNCTION gis_refuse_change() RETURNS trigger
LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
BEGIN
    RAISE EXCEPTION '% is only appended to', TG_TABLE_NAME;
END $$;
