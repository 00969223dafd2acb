    UPDATE {table} t SET area_code = p.area, shares = p.shares
    FROM (
        SELECT f.id, place.area, place.shares FROM {table} f CROSS JOIN LATERAL gis_place(f.geom) place
        WHERE f.id IN (SELECT g.id FROM unnest(changed) c JOIN {table} g ON g.geom && c)
    ) p
    WHERE t.id = p.id AND (t.area_code, t.shares) IS DISTINCT FROM (p.area, p.shares);
