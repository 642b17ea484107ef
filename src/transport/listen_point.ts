/** Which of our listen points a message leaves from. @module */
import type { ListenPoint, Target } from "./flow.ts";

/** The listen point for `target`: the one that it names, else the first of its transport and address family. */
export function chooseListenPoint(points: readonly ListenPoint[], target: Target): ListenPoint | undefined {
  const { listenPoint, transport, address } = target;
  if (listenPoint !== undefined && listenPoint.transport === transport) return listenPoint;
  const family = address.includes(":") ? "IPv6" : "IPv4";
  return points.find((point) => point.transport === transport && point.family === family);
}
