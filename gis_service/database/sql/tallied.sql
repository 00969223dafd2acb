-- Count a layer anew; who writes to it waits.
LOCK TABLE {table} IN SHARE ROW EXCLUSIVE MODE;
DELETE FROM {table}_tallies;
INSERT INTO {table}_tallies ({columns}, fresh) SELECT {columns}, false FROM ({now}) cell;
