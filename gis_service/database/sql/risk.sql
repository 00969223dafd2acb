-- The risk of the day: how each feature was scored last, which ones something has happened to since, and how many have each
-- level where. Who writes only adds to `risk_unscored`; who scores anew takes from there what it has seen, and no more.
CREATE TABLE IF NOT EXISTS risk_scored (
    layer text NOT NULL, id bigint NOT NULL, code text NOT NULL, area_code text, score double precision NOT NULL,
    rank integer NOT NULL, completeness double precision NOT NULL, PRIMARY KEY (layer, code)
);
CREATE INDEX IF NOT EXISTS ix_risk_scored_area_code ON risk_scored (area_code, score);
CREATE INDEX IF NOT EXISTS ix_risk_scored_id ON risk_scored (layer, id);
CREATE TABLE IF NOT EXISTS risk_unscored (layer text NOT NULL, code text NOT NULL);
CREATE TABLE IF NOT EXISTS risk_tallies (layer text NOT NULL, area_code text, rank integer NOT NULL, number bigint NOT NULL);
CREATE UNIQUE INDEX IF NOT EXISTS uq_risk_tallies ON risk_tallies (layer, area_code, rank) NULLS NOT DISTINCT;
CREATE TABLE IF NOT EXISTS risk_basis (basis text NOT NULL);

ALTER TABLE risk_scored ENABLE ROW LEVEL SECURITY;
ALTER TABLE risk_unscored ENABLE ROW LEVEL SECURITY;
ALTER TABLE risk_tallies ENABLE ROW LEVEL SECURITY;
ALTER TABLE risk_basis ENABLE ROW LEVEL SECURITY;
DROP POLICY IF EXISTS gis_read ON risk_scored;
CREATE POLICY gis_read ON risk_scored FOR SELECT USING ({readable});
DROP POLICY IF EXISTS gis_read ON risk_unscored;
CREATE POLICY gis_read ON risk_unscored FOR SELECT USING ({readable});
DROP POLICY IF EXISTS gis_read ON risk_tallies;
CREATE POLICY gis_read ON risk_tallies FOR SELECT USING ({readable});
DROP POLICY IF EXISTS gis_read ON risk_basis;
CREATE POLICY gis_read ON risk_basis FOR SELECT USING ({readable});
GRANT SELECT ON risk_scored, risk_unscored, risk_tallies, risk_basis TO "{service}";

-- What an area is red by.
CREATE INDEX IF NOT EXISTS ix_{ledger}_major_open ON {ledger} (deadline, area_code) WHERE {major_open};
