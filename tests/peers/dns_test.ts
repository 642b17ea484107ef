/**
 * Calls to other domains, whose servers a real name server tells (RFC 3263).
 *
 * `dnsmasq` serves three domains. The first name server that the proxy is given does not exist.
 * @module
 */
import { assertMatch } from "../../src/deps/assert.ts";
import type { Baresip } from "./support/baresip.ts";
import { type Lab, STRANGER_ADDRESS } from "./support/lab.ts";
import { type LabBench, sharedLab } from "./support/lab_bench.ts";
import { LoadPhone, type LoadScenario } from "./support/load_phone.ts";
import { startServer } from "./support/our_service.ts";
import { programPath } from "./support/programs.ts";

const DNS_PORT = 5353;
const ABSENT_DNS_PORT = 5354;
const FIRST_PORT = 5080;
const SECOND_PORT = 5082;
const ABSENT_PORT = 5084;
const ONE_CALL_MS = 20_000;

const lab = sharedLab(async (lab) => {
  await startNameServer(lab);
  const dnsServers = [ABSENT_DNS_PORT, DNS_PORT].map((port) => `${STRANGER_ADDRESS}:${port}`).join(", ");
  return startServer(lab, { sections: { Proxy: { dns_servers: dnsServers } } });
});

async function startNameServer(lab: Lab): Promise<void> {
  const records = [
    "host-record=server.example," + STRANGER_ADDRESS,
    // One server that is preferred, and one for when that has failed.
    "naptr-record=two.example,10,10,s,SIP+D2U,,_sip._udp.two.example",
    `srv-host=_sip._udp.two.example,server.example,${FIRST_PORT},10`,
    `srv-host=_sip._udp.two.example,server.example,${SECOND_PORT},20`,
    // TCP is preferred, but nothing listens there.
    "naptr-record=tcp.example,10,10,s,SIP+D2T,,_sip._tcp.tcp.example",
    "naptr-record=tcp.example,20,10,s,SIP+D2U,,_sip._udp.tcp.example",
    `srv-host=_sip._tcp.tcp.example,server.example,${ABSENT_PORT},10`,
    `srv-host=_sip._udp.tcp.example,server.example,${SECOND_PORT},10`,
    // No SIP service at all (RFC 2782: the target is ".").
    "srv-host=_sip._udp.none.example",
    "srv-host=_sip._tcp.none.example",
    "srv-host=_sips._tcp.none.example",
  ];
  const dnsmasq = lab.start("dnsmasq", programPath("dnsmasq"), [
    ...["--keep-in-foreground", "--log-facility=-", "--log-queries", "--conf-file=/dev/null", "--pid-file="],
    ...["--no-resolv", "--no-hosts", "--local=/example/", "--user=root"],
    ...[`--listen-address=${STRANGER_ADDRESS}`, "--bind-interfaces", `--port=${DNS_PORT}`],
    ...records.map((record) => `--${record}`),
  ]);
  await dnsmasq.line(/started/);
}

lab.test("a call to another domain goes by NAPTR and SRV, and on to the next server when one answers 503 (RFC 3263 §4.3)", async (bench) => {
  const caller = await bench.startPhone(await bench.addHome({ nat: "port-restricted" }));
  await using unavailable = await server(bench, "callee_load_unavailable", FIRST_PORT);
  await using available = await server(bench, "callee_load", SECOND_PORT);
  await talk(caller, "two.example");
  await Promise.all([unavailable.finished(ONE_CALL_MS), available.finished(ONE_CALL_MS)]);
  await bench.nothingLeft();
});

lab.test("a server that failed a moment ago is not tried first again (RFC 3263 §4.3)", async (bench) => {
  const caller = await bench.startPhone(await bench.addHome({ nat: "symmetric" }));
  // Were the first server asked, it would take the call and this one would wait in vain.
  await using _first = await server(bench, "callee_load", FIRST_PORT);
  await using second = await server(bench, "callee_load", SECOND_PORT);
  await talk(caller, "two.example");
  await second.finished(ONE_CALL_MS);
  await bench.nothingLeft();
});

lab.test("when nothing listens on the preferred transport, the next one is taken (RFC 3263 §4.3)", async (bench) => {
  const caller = await bench.startPhone(await bench.addHome({ nat: "port-restricted" }));
  await using callee = await server(bench, "callee_load", SECOND_PORT);
  await talk(caller, "tcp.example");
  await callee.finished(ONE_CALL_MS);
  await bench.nothingLeft();
});

for (const domain of ["none.example", "unknown.example"]) {
  lab.test(`nobody serves ${domain}: the caller is told 404, and nothing is left (RFC 3261 §21.4.5, RFC 2782)`, async (bench) => {
    const caller = await bench.startPhone(await bench.addHome({ nat: "port-restricted" }));
    await caller.dial(`sip:friend@${domain}`);
    assertMatch(await caller.event("CALL_CLOSED"), /^404 /);
    await bench.nothingLeft();
  });
}

/** A server of another domain that takes one call. */
function server(bench: LabBench, scenario: LoadScenario, port: number): Promise<LoadPhone> {
  const { lab, service } = bench;
  return LoadPhone.waiting({
    ...{ lab, scenario, port, calls: 1, user: "friend", directory: service.media.directory },
    ...{ address: STRANGER_ADDRESS, proxyAddress: STRANGER_ADDRESS },
  });
}

async function talk(caller: Baresip, domain: string): Promise<void> {
  await caller.dial(`sip:friend@${domain}`);
  await caller.event("CALL_ESTABLISHED");
  await caller.hangUp();
  await caller.event("CALL_CLOSED");
}
