/** rtpengine in the namespace of the relay's host, commanded by the bench. @module */
import { serve } from "../../peers/support/agent_server.ts";
import type { Ports } from "../generator/generator.ts";
import { type Place, startRtpengine } from "../subjects/rtpengine.ts";
import type { Subject } from "../subjects/subject.ts";

let subject: Subject | undefined;

await serve({
  async start({ parties, prefix, place }: { parties: Ports; prefix: readonly string[]; place: Place }) {
    subject = await startRtpengine(parties, prefix, place);
    return { pid: subject.pid, targets: subject.targets };
  },
});
await subject?.[Symbol.asyncDispose]();
