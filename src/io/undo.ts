/** What is given back, the last thing first, when a program stops or does not get as far as to start. @module */

/** See the module comment. */
export class Undo {
  readonly #steps: (() => void | Promise<void>)[] = [];

  /** Notes how `thing` is given back, and returns it. */
  add<T>(thing: T, step: (thing: T) => void | Promise<void>): T {
    this.#steps.push(() => step(thing));
    return thing;
  }

  /** Gives everything back. What was given back already is forgotten. */
  async run(): Promise<void> {
    for (const step of this.#steps.splice(0).reverse()) await step();
  }
}
