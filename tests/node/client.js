// A client of the API that knows nothing but protos/: node client.js ADDRESS. Prints one JSON object with what it saw.
"use strict";

const path = require("node:path");
const grpc = require("@grpc/grpc-js");
const loader = require("@grpc/proto-loader");
const protobuf = require("protobufjs");

const ROOT = path.join(__dirname, "..", "..", "protos");
const FILES = ["services", "topology", "events", "admin"].map((name) => `sdn/v1/${name}.proto`);
const OPTIONS = { includeDirs: [ROOT], keepCase: true, longs: Number, enums: String, defaults: true };

const sdn = grpc.loadPackageDefinition(loader.loadSync(FILES, OPTIONS)).sdn.v1;
const address = process.argv[2];
const clients = {};

function stub(name) {
  clients[name] ??= new sdn[name](address, grpc.credentials.createInsecure());
  return clients[name];
}

// One answer; rejects with the error of gRPC.
function call(service, method, request = {}) {
  const deadline = Date.now() + 20_000;
  return new Promise((resolve, reject) => {
    stub(service)[method](request, { deadline }, (error, answer) => (error ? reject(error) : resolve(answer)));
  });
}

// Messages of a stream until `enough` says so, or its end.
function stream(service, method, request, enough = () => false, started = () => {}) {
  return new Promise((resolve, reject) => {
    const seen = [];
    const open = stub(service)[method](request, { deadline: Date.now() + 20_000 });
    open.on("data", (message) => {
      seen.push(message);
      started(message);
      if (enough(message)) open.cancel();
    });
    open.on("end", () => resolve(seen));
    open.on("error", (error) => (error.code === grpc.status.CANCELLED ? resolve(seen) : reject(error)));
  });
}

// google.rpc.Status and the details that this test looks at (https://google.aip.dev/193).
const RPC = protobuf.parse(`syntax = "proto3";
  message Any { string type_url = 1; bytes value = 2; }
  message Status { int32 code = 1; string message = 2; repeated Any details = 3; }
  message FieldViolation { string field = 1; string description = 2; }
  message BadRequest { repeated FieldViolation field_violations = 1; }
  message ErrorInfo { string reason = 1; string domain = 2; map<string, string> metadata = 3; }
  message Precondition { string type = 1; string subject = 2; string description = 3; }
  message PreconditionFailure { repeated Precondition violations = 1; }`, { keepCase: true }).root;

function refusal(error) {
  const [data] = error.metadata.get("grpc-status-details-bin");
  const found = { code: grpc.status[error.code] };
  for (const { type_url, value } of RPC.lookupType("Status").decode(data).details) {
    const name = type_url.split(".").pop();
    const type = RPC.lookup(name);
    if (type) found[name] = type.toObject(type.decode(value));
  }
  return found;
}

async function refused(service, method, request) {
  try {
    await call(service, method, request);
  } catch (error) {
    return refusal(error);
  }
  throw new Error(`${method} was not refused`);
}

async function main() {
  const seen = { services: Object.keys(sdn).filter((name) => name.endsWith("Service")).sort() };
  const tenant = "tenants/node";
  seen.created = await call("TenantService", "CreateTenant", {
    tenant: { name: tenant, metadata: { description: "Größe, 大きさ", labels: { env: "prod" } }, quota: { ports: 30 } },
    options: { request_id: "node-1" },
  });
  const resources = [
    { network: { name: `${tenant}/networks/web`, mtu: 1400 } },
    { subnet: { name: `${tenant}/subnets/v4`, network: "web", cidr: "10.0.0.0/24" } },
    { router: { name: `${tenant}/routers/r`, subnets: ["v4"] } },
  ];
  for (let n = 0; n < 25; n++) {
    resources.push({ port: { name: `${tenant}/ports/p${n}`, network: "web", metadata: { labels: { odd: `${n % 2}` } } } });
  }
  seen.planned = (await call("ApplyService", "Apply", { resources, dry_run: true })).changes.length;
  seen.applied = (await call("ApplyService", "Apply", { resources })).changed.length;

  seen.pages = [];
  for (let token = ""; ; ) {
    const request = { parent: tenant, page_size: 10, page_token: token, filter: "odd in (0,1),!none" };
    const page = await call("PortService", "ListPorts", request);
    seen.pages.push(page.ports.length);
    token = page.next_page_token;
    if (!token) break;
  }
  seen.odd = (await call("PortService", "ListPorts", { parent: tenant, filter: "odd=1" })).ports.length;

  const name = `${tenant}/ports/p1`;
  seen.watched = await stream(
    "PortService",
    "WatchPorts",
    { parent: tenant, filter: "odd=1" },
    (change) => change.type === "DELETED",
    (change) => {
      if (change.type !== "SYNCED") return;
      const port = { name, metadata: { labels: { odd: "0" } } };
      call("PortService", "UpdatePort", { port, update_mask: { paths: ["metadata.labels"] } });
    },
  );
  seen.port = await call("PortService", "GetPort", { name });
  seen.conflict = await refused("PortService", "DeletePort", { name, etag: "1" });
  seen.wrong = await refused("PortService", "CreatePort", {
    port: { name: `${tenant}/ports/x`, network: "web", mac: "x", addresses: ["10.0.0.300"] },
  });
  seen.used = await refused("NetworkService", "DeleteNetwork", { name: `${tenant}/networks/web` });
  seen.gone = await stream("PortService", "WatchPorts", { parent: tenant, from_revision: 1 }).catch(refusal);

  seen.connections = (await call("ConnectionService", "ListConnections", { parent: "tenants/-" })).connections.length;
  seen.subnets = (await call("SubnetService", "ListSubnets", { parent: "tenants/-" })).subnets.length;
  seen.routers = (await call("RouterService", "ListRouters", { parent: tenant })).routers.length;
  seen.topology = (await call("TopologyService", "GetTopology")).switches.length;
  seen.system = await call("SystemService", "GetSystemStatus");
  seen.events = (await call("EventService", "ListEvents")).events.length;
  seen.backup = (await stream("AdminService", "Backup", {})).length;
  console.log(JSON.stringify(seen));
  for (const client of Object.values(clients)) client.close();
}

main().catch((error) => {
  console.error(error);
  process.exitCode = 1;
});
