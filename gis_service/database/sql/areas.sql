-- Triggers of the areas, which place themselves and then everything else.
DROP TRIGGER IF EXISTS gis_1_place ON {table};
DROP TRIGGER IF EXISTS gis_1_moved ON {table};
CREATE OR REPLACE FUNCTION gis_keep_area() RETURNS trigger
LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
BEGIN
    NEW.shares := NULL;
    RETURN NEW;
END $$;
CREATE TRIGGER gis_1_place BEFORE INSERT OR UPDATE OF geom ON {table}
    FOR EACH ROW EXECUTE FUNCTION gis_keep_area();

DROP TRIGGER IF EXISTS gis_3_inserted ON {table};
CREATE TRIGGER gis_3_inserted AFTER INSERT ON {table}
    REFERENCING NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION gis_areas_changed();
DROP TRIGGER IF EXISTS gis_3_updated ON {table};
CREATE TRIGGER gis_3_updated AFTER UPDATE ON {table}
    REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION gis_areas_changed();
DROP TRIGGER IF EXISTS gis_3_deleted ON {table};
CREATE TRIGGER gis_3_deleted AFTER DELETE ON {table}
    REFERENCING OLD TABLE AS old_rows FOR EACH STATEMENT EXECUTE FUNCTION gis_areas_changed();
DROP TRIGGER IF EXISTS gis_0_held_alone ON {table};
CREATE TRIGGER gis_0_held_alone BEFORE DELETE OR UPDATE OF code ON {table}
    FOR EACH STATEMENT EXECUTE FUNCTION gis_await_places();
