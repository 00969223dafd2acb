-- The grid of one layer: found by place, folded or not.
CREATE INDEX IF NOT EXISTS ix_{table}_grid_place ON {table}_grid (zoom, x, y);

-- What stands between two corners of the unit square, as one number that changes with it. Whoever reads some of it may
-- ask: the number tells nothing of the rest; it names what is kept of a tile, and is not shown.
CREATE OR REPLACE FUNCTION gis_mark_{table}(u double precision, v double precision, u_end double precision, v_end double precision)
RETURNS numeric
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path FROM CURRENT AS $$
BEGIN
    RETURN (
        SELECT coalesce(sum(g.mark), 0) FROM unnest(ARRAY[{zooms}]) z
        JOIN {table}_grid g ON g.zoom = z
            AND g.x BETWEEN floor(u * (1 << z))::int AND ceil(u_end * (1 << z))::int - 1
            AND g.y BETWEEN floor(v * (1 << z))::int AND ceil(v_end * (1 << z))::int - 1
    );
END $$;
