/** Where a Unix socket is made, and what may be there already. @module */

const DIRECTORY_MODE = 0o750;

/** The socket's path cannot be used; the message says why and what to do. */
export class SocketPathError extends Error {
  override name = "SocketPathError";
}

/**
 * Makes the directory of `path` if it is missing. Whoever may reach the directory may use the socket, so it must not be
 * one in which anybody can put another socket in its place.
 * @throws SocketPathError
 */
export function prepareSocketDirectory(path: string): void {
  const directory = path.slice(0, path.lastIndexOf("/")) || "/";
  let mode: number | null;
  try {
    Deno.mkdirSync(directory, { recursive: true, mode: DIRECTORY_MODE });
    ({ mode } = Deno.statSync(directory));
  } catch (cause) {
    throw new SocketPathError(`Cannot use the directory ${directory}: ${(cause as Error).message}`, { cause });
  }
  const othersMayReplace = mode !== null && (mode & 0o002) !== 0 && (mode & 0o1000) === 0;
  if (othersMayReplace) {
    throw new SocketPathError(
      `Cannot listen on ${path}: anybody may write to ${directory}; run chmod o-w ${directory}`,
    );
  }
}

/** Whether there is a socket file. @throws SocketPathError if there is a file that is none */
export function hasSocketFile(path: string): boolean {
  let info: Deno.FileInfo;
  try {
    info = Deno.lstatSync(path);
  } catch (cause) {
    if (cause instanceof Deno.errors.NotFound) return false;
    throw new SocketPathError(`Cannot look at ${path}: ${(cause as Error).message}`, { cause });
  }
  if (info.isSocket) return true;
  throw new SocketPathError(`Cannot listen on ${path}: there is a file of that name that is no socket`);
}
