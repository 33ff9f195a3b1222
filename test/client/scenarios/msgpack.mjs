// What packets in MessagePack can hold that those in JSON cannot, and bytes, which are no attachments here.
import assert from "node:assert/strict";
import { beside, call, callAll, connected, formats, once, record, scenario, settled } from "../client.mjs";

const { msgpack } = formats;

scenario(async () => {
  const socket = await connected("/", msgpack);
  const every = Buffer.from(Array.from({ length: 256 }, (_, i) => i));
  const time = new Date(Date.UTC(2031, 1, 3, 4, 5, 6, 789));

  for (const event of ["echo", "work"]) {
    // Bytes alone, nested, of each length that has a form of its own, and more of them than attachments may be.
    assert.deepEqual(await callAll(socket, event, every), [every]);
    assert.deepEqual(await callAll(socket, event, new ArrayBuffer(2)), [Buffer.from([0, 0])]);
    for (const size of [0, 1, 255, 256, 65_535, 65_536]) {
      assert.deepEqual(await callAll(socket, event, Buffer.alloc(size, 7), "and text"), [Buffer.alloc(size, 7), "and text"]);
    }
    const many = Array.from({ length: 30 }, (_, i) => Buffer.from([i, 255 - i]));
    assert.deepEqual(await callAll(socket, event, ...many), many);
    const nested = { file: { name: "é.bin", parts: [every, { last: Buffer.from("ABC") }] }, size: 259 };
    socket.emit(event, "before", nested, null);
    assert.deepEqual(await once(socket, "echo"), ["before", nested, null]);

    // Dates, and numbers of each form, those that JSON has no word for among them.
    assert.deepEqual(await callAll(socket, event, time, [time]), [time, [time]]);
    const numbers = [
      0, 1, -1, -32, -33, 127, 128, -128, -129, 255, 256, 65_535, 65_536, 2 ** 31, 2 ** 32 - 1, 2 ** 32, -(2 ** 31) - 1,
      Number.MAX_SAFE_INTEGER, Number.MIN_SAFE_INTEGER, 0.1, -1e-300, Infinity, -Infinity, NaN,
    ];
    assert.deepEqual(await callAll(socket, event, ...numbers), numbers);
    for (const length of [0, 15, 16, 31, 32, 255, 256, 65_535, 65_536]) {
      const list = Array.from({ length: Math.min(length, 20_000) }, (_, i) => i);
      const text = "é".repeat(length);
      assert.deepEqual(await callAll(socket, event, text, list, { [text.slice(0, 1000)]: text }), [
        text, list, { [text.slice(0, 1000)]: text },
      ]);
    }
  }

  // The server's own question with bytes, answered with bytes.
  socket.on("question", (bytes, answer) => answer({ reversed: Buffer.from(bytes).reverse() }));
  assert.deepEqual(await call(socket, "ask", Buffer.from("abc")), { reversed: Buffer.from("cba") });

  // Bytes through a broadcast, and text right behind them, over two namespaces of one connection.
  const other = await connected("/", msgpack);
  const members = [beside(other, "/members", { auth: { name: "ada" } }), beside(socket, "/members", { auth: { name: "bob" } })];
  await Promise.all(members.map((member) => once(member, "connect")));
  for (const [from, to] of [[socket, other], [members[1], members[0]]]) {
    const heard = record(to, "room");
    await call(to, "join", "files");
    await call(from, "room", "files", { part: every, time });
    await call(from, "room", "files", "done");
    await settled(from, to);
    assert.deepEqual(heard, [["files", { part: every, time }], ["files", "done"]]);
  }
});
