/** Whether the laboratory is what it says: NATs that map and filter, and sounds that are told apart. @module */
import { assert, assertEquals, assertMatch, assertNotEquals } from "../../src/deps/assert.ts";
import { type Home, Lab, SERVER_ADDRESS, STRANGER_ADDRESS } from "./support/lab.ts";
import { laboratoryTest } from "./support/lab_bench.ts";
import { mappedPort, type NatKind } from "./support/nat.ts";
import { after, readWav, type Sound, TONE_RATE_HZ, toneMs, writeTone } from "./support/recording.ts";

const MIRROR = `${SERVER_ADDRESS}:7001`;
const SAME_HOST = `${SERVER_ADDRESS}:7002`;
const OTHER_HOST = `${STRANGER_ADDRESS}:7001`;
const PHONE_PORT = 4000;

/** An answer of a mirror: which was asked, which answered, and what it saw. */
interface Answer {
  readonly asked: string;
  readonly from: string;
  readonly seen: string;
}

async function startLab(): Promise<Lab> {
  const lab = await Lab.start();
  const mirror = startScript(lab, "udp_mirror.ts", [MIRROR, SAME_HOST, OTHER_HOST]);
  await mirror.line(/ready/);
  return lab;
}

/** Asks two mirrors from one socket. */
async function probe(home: Home): Promise<Answer[]> {
  const program = startScript(home, "udp_probe.ts", [`${home.phoneAddresses[0]}:${PHONE_PORT}`, MIRROR, OTHER_HOST]);
  const { success } = await program.ended();
  assert(success, program.tail());
  return program.lines.map((line) => JSON.parse(line) as Answer);
}

function startScript(place: Pick<Home, "start">, name: string, args: string[]) {
  const path = new URL(`./support/${name}`, import.meta.url).pathname;
  return place.start(name, Deno.execPath(), ["run", "-A", "--no-prompt", path, ...args]);
}

/** What those saw who were asked. */
function bindings(answers: Answer[]): string[] {
  return answers.filter(({ asked, from }) => asked === from).map(({ seen }) => seen);
}

for (const nat of ["full-cone", "restricted", "port-restricted", "symmetric"] as const satisfies NatKind[]) {
  laboratoryTest(`Lab: a ${nat} NAT maps, filters and rebinds as its kind does (RFC 4787 §4, §5)`, async () => {
    await using lab = await startLab();
    const home = await lab.addHome({ nat });
    const answers = await probe(home);
    const [first, second] = bindings(answers);
    assertMatch(first!, new RegExp(`^${home.publicAddress}:`));
    if (nat === "symmetric") assertNotEquals(second, first);
    else assertEquals([first, second], Array(2).fill(`${home.publicAddress}:${mappedPort(PHONE_PORT, 0, 0)}`));
    const uninvited = answers.filter(({ asked, from }) => asked !== from && asked === MIRROR).map(({ from }) => from);
    assertEquals(uninvited, { "full-cone": [SAME_HOST, OTHER_HOST], restricted: [SAME_HOST] }[nat as string] ?? []);

    await home.rebind();
    const [rebound] = bindings(await probe(home));
    assertMatch(rebound!, new RegExp(`^${home.publicAddress}:`));
    assertNotEquals(rebound, first);
    await home.move();
    const [moved] = bindings(await probe(home));
    assertMatch(moved!, new RegExp(`^${home.publicAddresses[1]}:`));
  });
}

laboratoryTest("Lab: what a dead run left behind is removed, and nothing of a living one", async () => {
  await using lab = await Lab.start();
  const list = async () =>
    new TextDecoder().decode((await new Deno.Command("ip", { args: ["netns", "list"] }).output()).stdout);
  const ended = new Deno.Command("true").spawn();
  await ended.status;
  const left = `mp${ended.pid}.00-1-public`;
  await new Deno.Command("ip", { args: ["netns", "add", left] }).output();
  assert((await list()).includes(left));
  await using _other = await Lab.start();
  assert(!(await list()).includes(left));
  assert((await list()).includes(lab.publicHost));
});

Deno.test("toneMs() finds a tone, and not another, silence, noise, or two at once", async () => {
  const path = await Deno.makeTempFile({ suffix: ".wav" });
  await writeTone(path, 440);
  const tone = readWav(path);
  await writeTone(path, 700);
  const other = readWav(path);
  await Deno.remove(path);
  const second = (sound: Sound): Sound => ({ ...sound, samples: sound.samples.slice(0, TONE_RATE_HZ) });
  const each = (change: (sample: number, index: number) => number) => ({
    rateHz: TONE_RATE_HZ,
    samples: second(tone).samples.map(change),
  });
  assertEquals(toneMs(second(tone), 440), 1000);
  assertEquals(toneMs(second(tone), 700), 0);
  assertEquals(toneMs(after(second(tone), TONE_RATE_HZ / 2), 440), 500);
  assertEquals(toneMs(each(() => 0), 440), 0);
  assertEquals(toneMs(each((sample) => Math.round(sample / 20)), 440), 0, "too soft to count");
  assertEquals(toneMs(each((sample, index) => sample + other.samples[index]!), 440), 0);
  const noise = crypto.getRandomValues(new Int16Array(TONE_RATE_HZ));
  assertEquals(toneMs({ rateHz: TONE_RATE_HZ, samples: noise }, 440), 0);
});
