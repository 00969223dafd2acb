-- Count a layer anew; who writes to it waits.
LOCK TABLE {layer} IN SHARE ROW EXCLUSIVE MODE;
DELETE FROM {table};
INSERT INTO {table} ({columns}, fresh) SELECT {columns}, false FROM ({now}) cell;
