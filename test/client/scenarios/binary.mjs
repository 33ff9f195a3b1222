// Bytes in events and acknowledgements, alone and nested, both ways.
import assert from "node:assert/strict";
import { call, callAll, connected, once, record, scenario, settled } from "../client.mjs";

scenario(async () => {
  const socket = await connected("/");
  const every = Buffer.from(Array.from({ length: 256 }, (_, i) => i));
  const view = new Uint8Array(every.buffer, every.byteOffset + 65, 3); // a part of a larger buffer: "ABC"

  for (const event of ["echo", "work"]) {
    // As acknowledgement: the client makes a Buffer of whatever bytes it gets.
    assert.deepEqual(await callAll(socket, event, every), [every]);
    assert.deepEqual(await callAll(socket, event, view), [Buffer.from("ABC")]);
    assert.deepEqual(await callAll(socket, event, new ArrayBuffer(2)), [Buffer.from([0, 0])]);
    assert.deepEqual(await callAll(socket, event, Buffer.alloc(0), "empty"), [Buffer.alloc(0), "empty"]);

    // As event, with text around the bytes and two buffers inside objects.
    const nested = { file: { name: "é.bin", parts: [every, { last: view }] }, size: 259 };
    socket.emit(event, "before", nested, view, null);
    assert.deepEqual(await once(socket, "echo"), [
      "before",
      { file: { name: "é.bin", parts: [every, { last: Buffer.from("ABC") }] }, size: 259 },
      Buffer.from("ABC"),
      null,
    ]);
  }

  // Ten attachments are the most that a packet may have; their order is kept.
  const ten = Array.from({ length: 10 }, (_, i) => Buffer.from([i, 255 - i]));
  assert.deepEqual(await callAll(socket, "echo", ...ten), ten);

  // The server's own question with bytes, answered with bytes.
  socket.on("question", (bytes, answer) => answer({ reversed: Buffer.from(bytes).reverse() }));
  assert.deepEqual(await call(socket, "ask", Buffer.from("abc")), { reversed: Buffer.from("cba") });

  // Bytes through a broadcast, and text right behind them.
  const other = await connected("/");
  const heard = record(other, "room");
  await call(other, "join", "files");
  await call(socket, "room", "files", { part: view });
  await call(socket, "room", "files", "done");
  await settled(socket, other);
  assert.deepEqual(heard, [["files", { part: Buffer.from("ABC") }], ["files", "done"]]);

  // What only looks like the wire's placeholder for bytes is data in a packet that has none. (Beside bytes the key
  // _placeholder is the wire's own, and a forged one ends the connection.)
  const forged = { _placeholder: true, num: 0 };
  assert.deepEqual(await callAll(socket, "echo", forged), [forged]);
});
