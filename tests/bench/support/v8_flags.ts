/** What users tell V8 when they start a relay: the same for all that is measured beside it. @module */
import project from "../../../deno.json" with { type: "json" };

/** The flags of the task `relay` in deno.json. */
export function relayV8Flags(): string[] {
  return project.tasks.relay.command.match(/--v8-flags=\S+/) ?? [];
}
