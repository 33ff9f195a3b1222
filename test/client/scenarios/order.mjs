// A thousand numbered events stay in order, both ways at once, on the loop and off it, and volatile ones among them.
import assert from "node:assert/strict";
import { call, connected, idle, once, record, scenario, settled } from "../client.mjs";

const count = 1000;
const numbers = Array.from({ length: count }, (_, i) => i);

scenario(async () => {
  const [ann, ben] = [await connected("/"), await connected("/")];

  for (const event of ["echo", "work"]) {
    const heard = record(ann, "echo");
    numbers.forEach((i) => ann.emit(event, i));
    await call(ann, event, "behind the last");
    assert.deepEqual(heard, numbers.map((i) => [i]));
    ann.off("echo");
  }

  // Both send to a room at once: each is heard in its own order.
  const heard = [record(ann, "room"), record(ben, "room")];
  await Promise.all([call(ann, "join", "count"), call(ben, "join", "count")]);
  for (const i of numbers) {
    ann.emit("room", "count", i);
    ben.emit("room", "count", i);
  }
  await Promise.all([settled(ann, ben), settled(ben, ann)]);
  const want = numbers.map((i) => ["count", i]);
  assert.deepEqual(heard, [want, want]);

  // Bytes take another kind of frame and yet no other way.
  const mixed = record(ann, "echo");
  const sent = numbers.slice(0, 100).map((i) => (i % 3 ? i : Buffer.from([i])));
  sent.forEach((arg) => ann.emit("echo", arg));
  await settled(ann);
  assert.deepEqual(mixed.flat(), sent);
  ann.off("echo");

  // The client drops a volatile event while its transport is busy; those it sends keep their place.
  const some = record(ann, "echo");
  for (const i of numbers) {
    (i % 2 ? ann.volatile : ann).emit("echo", i);
  }
  await call(ann, "echo", "behind the last");
  const got = some.flat();
  assert.deepEqual(got, [...got].sort((a, b) => a - b));
  assert.deepEqual(got.filter((i) => i % 2 === 0), numbers.filter((i) => i % 2 === 0));
  await idle(ann);
  ann.volatile.emit("echo", "into an idle transport");
  assert.deepEqual(await once(ann, "echo"), ["into an idle transport"]);
  ann.off("echo");

  // While there is no connection a plain event waits for the next one and a volatile event does not.
  ann.disconnect();
  ann.volatile.emit("echo", "lost");
  ann.emit("echo", "kept");
  const kept = record(ann, "echo");
  ann.connect();
  await once(ann, "connect");
  await call(ann, "echo", "behind the last");
  assert.deepEqual(kept, [["kept"]]);
});
