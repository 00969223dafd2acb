-- Where a longitude and a latitude lie in the unit square of web Mercator, from its north-western corner; half-open, so that
-- every place is in exactly one tile of each zoom. No search_path is set, or PostgreSQL could not write them out in place.
CREATE OR REPLACE FUNCTION gis_unit_x(longitude double precision) RETURNS double precision
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT least(greatest(longitude / 360 + 0.5, 0), 0.99999999999999)
$$;

CREATE OR REPLACE FUNCTION gis_unit_y(latitude double precision) RETURNS double precision
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT least(greatest(
        0.5 - ln(tan(pi() / 4 + radians(least(greatest(latitude, -85.06), 85.06)) / 2)) / (2 * pi()), 0), 0.99999999999999)
$$;
