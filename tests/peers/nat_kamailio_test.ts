/** Real phones behind real NATs, with Kamailio's mediaproxy module in front of our dispatcher and relay. @module */
import { startKamailioService } from "./support/kamailio_service.ts";
import { hearEachOther, sharedLab } from "./support/lab_bench.ts";

const lab = sharedLab(startKamailioService);

lab.test("Kamailio connects phones behind a port-restricted and a symmetric NAT (RFC 4787)", async (bench) => {
  const [cone, symmetric] = await Promise.all([
    bench.addHome({ nat: "port-restricted" }),
    bench.addHome({ nat: "symmetric" }),
  ]);
  const [alice, bob] = await Promise.all([bench.startPhone(cone), bench.startPhone(symmetric)]);
  await bench.call(alice, bob);
  await hearEachOther(alice, bob);
  await bench.hangUp(alice, bob);
});
