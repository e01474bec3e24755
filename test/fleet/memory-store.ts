import { createHash } from "node:crypto";
import { RekeyError } from "../../shared/errors.ts";
import type { ObjectStore } from "../../shared/runtime/objects.ts";

/** A bucket in memory. */
export interface MemoryStore extends ObjectStore {
  readonly texts: Map<string, string>;
  /** Keys in the order in which they were written. */
  readonly written: string[];
  /** While true, every call fails as S3's do when it is down. */
  isDown: boolean;
  /** Is waited for before each write. */
  beforeWrite(key: string, text: string): Promise<void>;
}

const etagOf = (text: string) => createHash("md5").update(text).digest("hex");
const chunkBytes = 100;

/** An empty bucket, whose objects are read in chunks of 100 bytes. */
export function createMemoryStore(): MemoryStore {
  const texts = new Map<string, string>();
  const written: string[] = [];
  const up = async () => {
    if (store.isDown) throw new RekeyError("StoreUnavailableError", "The bucket of fleet runs does not answer");
  };
  const put = async (key: string, text: string) => {
    await up();
    await store.beforeWrite(key, text);
    written.push(key);
    texts.set(key, text);
  };
  const chunksOf = async function* (text: string) {
    const bytes = Buffer.from(text);
    for (let from = 0; from < bytes.length; from += chunkBytes) yield bytes.subarray(from, from + chunkBytes);
  };
  const store: MemoryStore = {
    texts,
    written,
    isDown: false,
    beforeWrite: async () => undefined,
    get: async (key) => {
      await up();
      return texts.get(key);
    },
    getTagged: async (key) => {
      await up();
      const text = texts.get(key);
      return text === undefined ? undefined : { text, etag: etagOf(text) };
    },
    put,
    replace: async (key, text, etag) => {
      await up();
      await store.beforeWrite(key, text);
      // Compared and written in one, as S3 does it.
      const before = texts.get(key);
      if ((before === undefined ? null : etagOf(before)) !== etag) return false;
      written.push(key);
      texts.set(key, text);
      return true;
    },
    read: async (key) => {
      await up();
      const text = texts.get(key);
      return text === undefined ? undefined : chunksOf(text);
    },
    writer: (key) => {
      const pieces: string[] = [];
      return { write: async (text) => void pieces.push(text), end: () => put(key, pieces.join("")) };
    },
    folders: async (prefix) => {
      const names = [...texts.keys()].filter((key) => key.startsWith(prefix)).map((key) => key.slice(prefix.length));
      return [...new Set(names.filter((name) => name.includes("/")).map((name) => name.split("/")[0] ?? ""))].sort();
    },
  };
  return store;
}
