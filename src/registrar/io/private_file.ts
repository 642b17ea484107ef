/** Files that hold secrets. @module */
import { UsersError } from "../users_file.ts";

/** @throws UsersError if others than its owner and group may do anything with the file, or it is missing */
export function refusePublicFile(path: string): void {
  let mode: number | null;
  try {
    ({ mode } = Deno.statSync(path));
  } catch (error) {
    throw new UsersError(`Cannot read ${path}: ${(error as Error).message}`, { cause: error });
  }
  if (((mode ?? 0) & 0o007) !== 0) {
    throw new UsersError(`${path} holds passwords, and everybody on this host may open it: chmod o= ${path}`);
  }
}
