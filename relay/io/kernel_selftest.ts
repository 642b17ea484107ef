/** Runs the self-test of `kernel/selftest.ts`: sockets, packets, and what nft counted. @module */
import { markCounters, namedCounters } from "../kernel/answers.ts";
import {
  listSelfTest,
  partyAddresses,
  removeSelfTest,
  SELF_TEST_BYTES,
  SELF_TEST_GROUPS,
  SELF_TEST_PACKETS,
  type SelfTest,
  selfTestCounts,
  selfTestFailure,
  selfTestFlows,
  selfTestRules,
  selfTestSlot,
  selfTestTarget,
} from "../kernel/selftest.ts";
import { familyOf } from "../kernel/flow.ts";
import type { KernelTable, TableOptions } from "../kernel/table.ts";
import type { Nft } from "./nft.ts";

/**
 * Sends real packets through the rules of `table`, for each address of the relay. Returns what is wrong, or `undefined`.
 * Rejects with NftError or NftGoneError.
 */
export async function testPath(nft: Nft, table: KernelTable, options: TableOptions): Promise<string | undefined> {
  const families = new Set(options.addresses.map(familyOf));
  for (const family of families) await nft.execute(table.addGroup(SELF_TEST_GROUPS[family]));
  for (const address of options.addresses) {
    const failure = await testAddress(nft, table, options, address);
    if (failure !== undefined) return `self-test on ${address}: ${failure}`;
  }
  return undefined;
}

async function testAddress(
  nft: Nft,
  table: KernelTable,
  options: TableOptions,
  address: string,
): Promise<string | undefined> {
  const sockets = openSockets(options, address);
  try {
    const [sender, local, from] = sockets.map(({ addr }) => ({ address, port: (addr as Deno.NetAddr).port }));
    if (sender === undefined || local === undefined || from === undefined) return "three ports are not free";
    const { netmask } = Deno.networkInterfaces().find((it) => it.address === address) ?? {};
    const [party, otherParty] = partyAddresses(address, netmask);
    const test: SelfTest = {
      sender,
      local,
      from,
      party: { address: party, port: 4000 },
      otherParty: { address: otherParty, port: 4002 },
    };
    await nft.execute(selfTestRules(table, test));
    await nft.execute(table.enter(selfTestSlot(test), selfTestFlows(test)));
    await sendPackets(sockets[0]!, test);
    const group = SELF_TEST_GROUPS[familyOf(address)];
    const listings = [listSelfTest(table, test), table.listTaken(group), table.listGiven(group)];
    const [named, taken, given] = await nft.list(listings);
    await nft.execute(removeSelfTest(table, test));
    const counts = selfTestCounts(table, test, namedCounters(named!), markCounters(taken!), markCounters(given!));
    return selfTestFailure(test, counts);
  } finally {
    for (const socket of sockets) socket.close();
  }
}

/** Three ports of the relay's, from the end of its range: calls take them from the beginning. */
function openSockets({ firstPort, endPort }: TableOptions, hostname: string): Deno.DatagramConn[] {
  const sockets: Deno.DatagramConn[] = [];
  for (let port = endPort - 1; port >= firstPort && sockets.length < 3; port--) {
    try {
      sockets.push(Deno.listenDatagram({ transport: "udp", hostname, port }));
    } catch (error) {
      if (!(error instanceof Deno.errors.AddrInUse)) throw error;
    }
  }
  return sockets;
}

async function sendPackets(socket: Deno.DatagramConn, test: SelfTest): Promise<void> {
  const { address: hostname, port } = selfTestTarget(test);
  for (let i = 0; i < SELF_TEST_PACKETS; i++) {
    try {
      await socket.send(new Uint8Array(SELF_TEST_BYTES), { transport: "udp", hostname, port });
    } catch {
      return; // a firewall does not let it out: the counters will tell
    }
  }
}
