-- The place of what is about a feature, found before that of the area that holds it.
DROP TRIGGER IF EXISTS gis_0_taken ON {table};
CREATE TRIGGER gis_0_taken BEFORE INSERT ON {table}
    FOR EACH ROW WHEN (NEW.geom IS NULL) EXECUTE FUNCTION gis_take_place({needed});
DROP TRIGGER IF EXISTS gis_0_followed ON {table};
CREATE TRIGGER gis_0_followed BEFORE UPDATE OF {placing} ON {table}
    FOR EACH ROW WHEN (NEW.geom IS NULL OR (NEW.subject_layer, NEW.subject_code) IS DISTINCT FROM (OLD.subject_layer, OLD.subject_code))
    EXECUTE FUNCTION gis_take_place({needed});
