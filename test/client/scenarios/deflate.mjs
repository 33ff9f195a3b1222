// A server that compresses what it sends by WebSocket (RFC 7692), and takes compressed messages.
import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { call, connected, isDropped, record, scenario, settled, upgraded } from "../client.mjs";

const messageBytesMax = 1_000_000;
const text = "The quick brown fox jumps over the lazy dog. é ".repeat(2000);
const zeros = Buffer.alloc(200_000);
const noise = randomBytes(50_000);

scenario(async () => {
  const plain = await ready({ perMessageDeflate: false });
  const socket = await ready();
  assert.equal(plain.io.engine.transport.ws.extensions, "");
  const { ws } = socket.io.engine.transport;
  assert.match(ws.extensions, /^permessage-deflate/);

  // Both ways the frames are much smaller than what is in them.
  for (const arg of [text, zeros, text, { text, zeros }]) {
    const tcp = ws._socket;
    const before = { written: tcp.bytesWritten, read: tcp.bytesRead };
    assert.deepEqual(await call(socket, "echo", arg), arg);
    const [written, read] = [tcp.bytesWritten - before.written, tcp.bytesRead - before.read];
    assert.ok(written < 10_000, `sent in ${written} bytes`);
    assert.ok(read < 10_000, `received in ${read} bytes`);
  }

  // Small messages, and those that cannot be made smaller, are none the worse for it, whatever comes in between.
  for (const arg of ["", "small", noise, text, noise, Buffer.alloc(0), zeros, "é", noise.toString("base64"), text]) {
    for (const event of ["echo", "work"]) {
      assert.deepEqual(await call(socket, event, arg), arg);
    }
  }

  // The members of a room hear the same, each in the form that it has agreed to.
  const peers = [plain, socket, await ready({ perMessageDeflate: { threshold: 0 } })];
  const heard = peers.map((peer) => record(peer, "everyone"));
  const args = [text, "small", zeros, noise, { deep: [text, zeros] }];
  args.forEach((arg) => plain.emit("everyone", arg));
  const own = heard.map((list) => list.length); // what comes from here on is the barrier
  assert.deepEqual(own, [0, 0, 0]);
  await settled(plain, ...peers);
  for (const list of heard) {
    assert.deepEqual(list.slice(0, args.length), args.map((arg) => [arg]));
  }

  // A client may ask for less memory on either side; whatever the server makes of that, they understand each other.
  for (const wish of [
    { serverNoContextTakeover: true, clientNoContextTakeover: true },
    { serverMaxWindowBits: 10, clientMaxWindowBits: 10 },
    { serverMaxWindowBits: 9 },
  ]) {
    const modest = await ready({ perMessageDeflate: { threshold: 0, ...wish } });
    for (const arg of [text, "small", text, noise]) {
      assert.deepEqual(await call(modest, "echo", arg), arg);
    }
  }

  // The largest message is measured as it is, and not as it travels.
  const most = "m".repeat(messageBytesMax - '42["echo",""]'.length);
  const echoed = record(socket, "echo");
  socket.emit("echo", most);
  await settled(socket);
  assert.deepEqual(echoed, [[most]]);
  for (const tooMuch of [most + "m", Buffer.alloc(messageBytesMax + 1), Buffer.alloc(100 * messageBytesMax)]) {
    const sender = await ready();
    sender.emit("echo", tooMuch);
    await isDropped(sender);
    assert.equal(await call(socket, "echo", "fine"), "fine");
  }
});

// ready is a connected client that has come to its WebSocket.
async function ready(options) {
  const socket = await connected("/", options);
  await upgraded(socket);
  return socket;
}
