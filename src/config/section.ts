/** What a section of config.ini is made of: keys with the text of their default, and the typed value built from them. @module */

import * as v from "../deps/valibot.ts";

/** A key: the schema of its text, with its default as it would stand in the file. */
export type KeySchema<T> = v.OptionalSchema<v.GenericSchema<string, T>, string>;

/** A section. */
export interface Section<T> {
  /** The keys that have a meaning, in the order of the sample. */
  readonly keys: readonly string[];
  /** Takes the texts of the keys that are set. */
  readonly schema: v.GenericSchema<unknown, T>;
  /** Keys of the original without a meaning here, and why. */
  readonly retired: ReadonlyMap<string, string>;
  /** A warning about an accepted value. */
  readonly remark: (key: string, value: string) => string | undefined;
}

/** A key whose text is read by `parse`, which throws SyntaxError when it cannot. */
export function key<T>(defaultText: string, parse: (text: string) => T): KeySchema<T> {
  const schema = v.pipe(
    v.string(),
    v.rawTransform(({ dataset, addIssue, NEVER }): T => {
      try {
        return parse(dataset.value);
      } catch (error) {
        if (!(error instanceof SyntaxError)) {
          throw error;
        }
        addIssue({ message: error.message });
        return NEVER;
      }
    }),
  );
  return v.optional(schema, defaultText);
}

/** Keys whose values do not go together. */
export interface Conflict {
  /** The first one that is set is blamed. Of a conflict at least one is, because the defaults go together. */
  readonly keys: readonly string[];
  /** What is wrong and what is accepted. */
  readonly message: string;
}

/** The values of a section's keys, by their names in the file. */
export type SectionValues<K extends Record<string, KeySchema<unknown>>> = v.InferOutput<v.ObjectSchema<K, undefined>>;

/** A section with these keys; `build` gives their values the names that the programs use. `check` sees them together. */
export function section<const K extends Record<string, KeySchema<unknown>>, T>(
  keys: K,
  build: (values: SectionValues<K>) => T,
  more: Partial<Pick<Section<T>, "retired" | "remark">> & { check?: (values: SectionValues<K>) => Conflict[] } = {},
): Section<T> {
  const check = more.check ?? (() => []);
  return {
    keys: Object.keys(keys),
    schema: v.pipe(
      v.object(keys),
      v.rawCheck(({ dataset, addIssue }) => {
        for (const conflict of dataset.typed ? check(dataset.value) : []) {
          const [first, ...others] = conflict.keys.map(pathItem);
          addIssue({ message: conflict.message, ...(first !== undefined && { path: [first, ...others] }) });
        }
      }),
      v.transform(build),
    ),
    retired: more.retired ?? new Map(),
    remark: more.remark ?? (() => undefined),
  };
}

/** A path of valibot normally leads inward; that of a conflict lists the keys that take part. */
function pathItem(key: string): v.ObjectPathItem {
  return { type: "object", origin: "value", input: {}, key, value: undefined };
}
