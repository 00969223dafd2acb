-- The grid of one layer: found by place, folded or not.
CREATE INDEX IF NOT EXISTS ix_{table}_grid_place ON {table}_grid (zoom, x, y);

-- What stands between two corners of the unit square: as one number that changes with it, and how many marks. Whoever
-- reads some of it may ask: the one tells nothing of the rest, it names what is kept of a tile, and is not shown; nor is
-- the other, which says how a tile is best written. Its plan suits every square, and is not made anew for each.
DROP FUNCTION IF EXISTS gis_mark_{table};
CREATE OR REPLACE FUNCTION gis_standing_{table}(
    u double precision, v double precision, u_end double precision, v_end double precision, OUT mark numeric, OUT number bigint
) LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path FROM CURRENT SET plan_cache_mode = force_generic_plan AS $$
BEGIN
    SELECT coalesce(sum(g.mark), 0), coalesce(sum(g.number), 0) INTO mark, number FROM unnest(ARRAY[{zooms}]) z
    JOIN {table}_grid g ON g.zoom = z
        AND g.x BETWEEN floor(u * (1 << z))::int AND ceil(u_end * (1 << z))::int - 1
        AND g.y BETWEEN floor(v * (1 << z))::int AND ceil(v_end * (1 << z))::int - 1;
END $$;
