-- What a statement touches is to be scored anew: a feature itself, and what a hazard is or was about.
CREATE OR REPLACE FUNCTION gis_unscore_{table}() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path FROM CURRENT AS $$
DECLARE
    touched risk_unscored[];
BEGIN
    IF TG_OP = 'INSERT' THEN
        SELECT array_agg(ROW(t.*)::risk_unscored) INTO touched FROM ({new}) t;
    ELSIF TG_OP = 'DELETE' THEN
        SELECT array_agg(ROW(t.*)::risk_unscored) INTO touched FROM ({old}) t;
    ELSE
        SELECT array_agg(ROW(t.*)::risk_unscored) INTO touched FROM ({new} UNION {old}) t;
    END IF;
    INSERT INTO risk_unscored SELECT t.* FROM unnest(touched) t;
    RETURN NULL;
END $$;

DROP TRIGGER IF EXISTS gis_7_inserted ON {table};
CREATE TRIGGER gis_7_inserted AFTER INSERT ON {table}
    REFERENCING NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION gis_unscore_{table}();
DROP TRIGGER IF EXISTS gis_7_updated ON {table};
CREATE TRIGGER gis_7_updated AFTER UPDATE ON {table}
    REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION gis_unscore_{table}();
DROP TRIGGER IF EXISTS gis_7_deleted ON {table};
CREATE TRIGGER gis_7_deleted AFTER DELETE ON {table}
    REFERENCING OLD TABLE AS old_rows FOR EACH STATEMENT EXECUTE FUNCTION gis_unscore_{table}();
