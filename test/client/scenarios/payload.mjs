// Messages as large as allowed, and one byte larger.
import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { call, connected, idle, isDropped, kind, once, record, scenario, settled, upgraded } from "../client.mjs";

const messageBytesMax = 1_000_000; // maxPayload as the server announces it

scenario(async () => {
  const [socket, witness] = [await connected("/"), await connected("/")];
  assert.equal(socket.io.engine._maxPayload, messageBytesMax);

  const text = randomBytes(100_000).toString("hex");
  const bytes = randomBytes(200_000);
  for (const event of ["echo", "work"]) {
    assert.equal(await call(socket, event, text), text);
    assert.deepEqual(await call(socket, event, bytes), bytes);
  }

  // Through a room, text and bytes one after the other.
  const heard = record(witness, "room");
  await call(witness, "join", "large");
  await call(socket, "room", "large", text, { bytes });
  await call(socket, "room", "large", "small");
  await settled(socket, witness);
  assert.deepEqual(heard, [["large", text, { bytes }], ["large", "small"]]);

  // The largest message there may be, in text and in bytes.
  const around = '42["echo",""]'.length;
  const most = "m".repeat(messageBytesMax - around);
  socket.emit("echo", most);
  assert.equal((await once(socket, "echo"))[0], most);
  await upgraded(socket);
  await idle(socket); // because a client that fills a POST with several packets takes base64 for shorter than it is
  const mostBytes = Buffer.alloc(kind === "polling" ? inBase64(messageBytesMax - "b".length) : messageBytesMax, 7);
  assert.deepEqual(await call(socket, "echo", mostBytes), mostBytes);

  // One byte more ends the connection that sent it, and nobody else's.
  for (const tooMuch of [most + "m", "x".repeat(messageBytesMax + 1), Buffer.alloc(messageBytesMax + 1)]) {
    const sender = await connected("/");
    sender.emit("echo", tooMuch);
    await isDropped(sender);
    assert.equal(await call(witness, "echo", "fine"), "fine");
  }
  assert.equal(await call(socket, "echo", "fine too"), "fine too");
});

// inBase64 is how many bytes go into a text of that length.
function inBase64(length) {
  return Math.floor(length / 4) * 3;
}
