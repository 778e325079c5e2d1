PRAGMA application_id = 1396985393;
BEGIN TRANSACTION;
CREATE TABLE meta(name TEXT PRIMARY KEY, value INTEGER NOT NULL) WITHOUT ROWID;
INSERT INTO "meta" VALUES('schema',1);
CREATE TABLE records(
    bucket TEXT NOT NULL, key TEXT NOT NULL, value TEXT NOT NULL, PRIMARY KEY (bucket, key)
) WITHOUT ROWID;
INSERT INTO "records" VALUES('cursors','network','2');
INSERT INTO "records" VALUES('cursors','router','2');
INSERT INTO "records" VALUES('cursors','service','3');
INSERT INTO "records" VALUES('cursors','switch','2');
INSERT INTO "records" VALUES('meta','probe_key','abababababababababababababababababababababababababababababababab');
INSERT INTO "records" VALUES('numbers','network/tenants/red/networks/web','1');
INSERT INTO "records" VALUES('numbers','router/tenants/red/routers/r','1');
INSERT INTO "records" VALUES('numbers','service/tenants/red/ports/h1|02:00:00:00:00:01','1');
INSERT INTO "records" VALUES('numbers','service/tenants/red/ports/h2|02:00:00:00:00:02','2');
INSERT INTO "records" VALUES('numbers','switch/0000000000000001','1');
INSERT INTO "records" VALUES('objects','tenants/red','{"kind":"Tenant","name":"tenants/red","description":"the first, zwei \u00fc","labels":[],"revision":1,"created":1700000000.0}');
INSERT INTO "records" VALUES('objects','tenants/red/connections/c','{"kind":"Connection","name":"tenants/red/connections/c","description":"","labels":[],"revision":1,"created":1700000000.0,"a":"tenants/red/ports/h1","b":"tenants/red/ports/h2","bandwidth":1000000}');
INSERT INTO "records" VALUES('objects','tenants/red/networks/web','{"kind":"Network","name":"tenants/red/networks/web","description":"","labels":[],"revision":1,"created":1700000000.0,"mtu":1500}');
INSERT INTO "records" VALUES('objects','tenants/red/ports/h1','{"kind":"Port","name":"tenants/red/ports/h1","description":"","labels":[],"revision":1,"created":1700000000.0,"network":"tenants/red/networks/web","mac":"02:00:00:00:00:01","addresses":["10.0.0.2"],"binding":{"switch":"leaf1","interface":"h1-eth0"}}');
INSERT INTO "records" VALUES('objects','tenants/red/ports/h2','{"kind":"Port","name":"tenants/red/ports/h2","description":"","labels":[],"revision":1,"created":1700000000.0,"network":"tenants/red/networks/web","mac":"02:00:00:00:00:02","addresses":["10.0.0.3"],"binding":null}');
INSERT INTO "records" VALUES('objects','tenants/red/routers/r','{"kind":"Router","name":"tenants/red/routers/r","description":"","labels":[],"revision":1,"created":1700000000.0,"subnets":["tenants/red/subnets/v4"]}');
INSERT INTO "records" VALUES('objects','tenants/red/subnets/v4','{"kind":"Subnet","name":"tenants/red/subnets/v4","description":"","labels":[],"revision":1,"created":1700000000.0,"network":"tenants/red/networks/web","cidr":"10.0.0.0/24","gateway":"10.0.0.1"}');
INSERT INTO "records" VALUES('requests','first','{"sequence":1,"digest":"85628adb1f7528e3e224a2792104907a","revision":1,"resources":[{"kind":"Tenant","name":"tenants/red","description":"the first, zwei \u00fc","labels":[],"revision":1,"created":1700000000.0},{"kind":"Network","name":"tenants/red/networks/web","description":"","labels":[],"revision":1,"created":1700000000.0,"mtu":1500},{"kind":"Subnet","name":"tenants/red/subnets/v4","description":"","labels":[],"revision":1,"created":1700000000.0,"network":"tenants/red/networks/web","cidr":"10.0.0.0/24","gateway":"10.0.0.1"},{"kind":"Router","name":"tenants/red/routers/r","description":"","labels":[],"revision":1,"created":1700000000.0,"subnets":["tenants/red/subnets/v4"]},{"kind":"Port","name":"tenants/red/ports/h1","description":"","labels":[],"revision":1,"created":1700000000.0,"network":"tenants/red/networks/web","mac":"02:00:00:00:00:01","addresses":["10.0.0.2"],"binding":{"switch":"leaf1","interface":"h1-eth0"}},{"kind":"Port","name":"tenants/red/ports/h2","description":"","labels":[],"revision":1,"created":1700000000.0,"network":"tenants/red/networks/web","mac":"02:00:00:00:00:02","addresses":["10.0.0.3"],"binding":null},{"kind":"Connection","name":"tenants/red/connections/c","description":"","labels":[],"revision":1,"created":1700000000.0,"a":"tenants/red/ports/h1","b":"tenants/red/ports/h2","bandwidth":1000000}],"changed":["tenants/red","tenants/red/networks/web","tenants/red/subnets/v4","tenants/red/routers/r","tenants/red/ports/h1","tenants/red/ports/h2","tenants/red/connections/c"]}');
INSERT INTO "records" VALUES('store','revision','1');
COMMIT;
