import { startObjectStore } from "../../../local/object-store.ts";

// The bucket, in a process of its own, so that its memory is not taken for a function's. Tells its address, and on
// request what it was asked for and what it holds.
const store = await startObjectStore({ latencyMs: Number(process.argv[2]) });
process.send?.({ url: store.url });
process.on("message", () => {
  const bytes = [...store.objects.values()].reduce((sum, { length }) => sum + length, 0);
  process.send?.({ requests: { ...store.requests }, objects: store.objects.size, megabytes: Math.round(bytes / 1e6) });
});
