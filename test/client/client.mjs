// What the scenarios share: clients, waiting with a reason, and ways to know that nothing more will come without
// sleeping. A scenario is `scenario(async () => { ... })`; it is over when the function returns and has failed when the
// function throws, with the error's text for the reader.

import assert from "node:assert/strict";
import { Agent } from "node:http";
import { createInterface } from "node:readline";
import { io } from "socket.io-client";
import msgpackParser from "socket.io-msgpack-parser";

// How long an answer may take before the scenario fails. It bounds failures only: nothing waits for it to pass.
export const patience = 120_000;

// The options of each kind of client that holds a scenario.
const kinds = {
  websocket: { transports: ["websocket"] },
  polling: { transports: ["polling"] },
  default: {}, // polling, and the upgrade to WebSocket as soon as there is a session
};

// The options of each format of packets.
export const formats = {
  standard: {},
  msgpack: { parser: msgpackParser },
};

// The server's address, and the kind of client and the format of packets that this scenario is held with.
export const [url, kind, format] = process.argv.slice(2);
assert.ok(kind in kinds, `"${kind}" is no kind of client`);
assert.ok(format in formats, `"${format}" is no format of packets`);

// The options of a client that comes back soon, however often it fails.
export const persistent = { reconnection: true, reconnectionDelay: 10, reconnectionDelayMax: 50 };

const opened = [];

export async function scenario(steps) {
  try {
    await steps();
    opened.forEach((socket) => socket.disconnect());
    process.exit(0);
  } catch (err) {
    console.error(err.stack);
    process.exit(1);
  }
}

// client makes a socket of its own connection that connects at once. It does not reconnect unless it is told to, so
// that a connection lost by mistake fails the scenario. It goes straight to the server, unless it is given a relay.
export function client(namespace = "/", { relay = { url }, ...options } = {}) {
  const socket = io(relay.url + namespace, {
    ...kinds[kind],
    ...formats[format],
    forceNew: true,
    reconnection: false,
    timeout: patience,
    ...options,
  });
  opened.push(socket);
  return socket;
}

// beside makes a socket of another namespace on the connection that a socket already has.
export function beside(socket, namespace, options) {
  const other = socket.io.socket(namespace, options);
  opened.push(other);
  return other;
}

// connected is client once it is connected. A client that upgrades is in the middle of that then.
export async function connected(namespace, options) {
  const socket = client(namespace, options);
  await once(socket, "connect");
  return socket;
}

// upgraded resolves when the connection of a socket has come to the transport that it will stay with.
export async function upgraded(socket) {
  const { engine } = socket.io;
  if (kind !== "default" || engine.transport.name === "websocket") {
    return;
  }
  const failed = once(engine, "upgradeError").then(([err]) => Promise.reject(err));
  await Promise.race([once(engine, "upgrade"), failed]);
}

// idle resolves when the client of a socket would send the next packet at once, and alone. Over a WebSocket it always
// would; but while a POST is under way packets gather for the next one.
export async function idle(socket) {
  const { engine } = socket.io;
  while (engine.writeBuffer.length > 0 || !engine.transport.writable) {
    await once(engine, "drain");
  }
}

// Cable makes the TCP connections of a client that has it as its agent, until it is cut.
export class Cable extends Agent {
  #strands = new Set();

  createConnection(...args) {
    const strand = super.createConnection(...args);
    this.#strands.add(strand);
    strand.once("close", () => this.#strands.delete(strand));
    return strand;
  }

  // cut ends the connections that there are, as when the network goes; new ones may be made.
  cut() {
    this.#strands.forEach((strand) => strand.destroy());
  }
}

// once resolves to the arguments of the next event of that name. A refused connection fails the wait for any event but
// connect_error, and says so, unless the client is going to try again.
export function once(emitter, event) {
  return new Promise((resolve, reject) => {
    const done = () => {
      clearTimeout(timer);
      emitter.off(event, hear);
      emitter.off("connect_error", refuse);
    };
    const hear = (...args) => {
      done();
      resolve(args);
    };
    const refuse = (err) => {
      done();
      reject(new Error(`waited for "${event}", but the connection was refused: ${err.message}`));
    };
    const timer = setTimeout(() => {
      done();
      reject(new Error(`waited for "${event}", but it did not come within ${patience} ms`));
    }, patience);
    emitter.on(event, hear);
    const isSocket = emitter.io !== undefined;
    if (isSocket && event !== "connect_error" && !emitter.io.reconnection()) {
      emitter.on("connect_error", refuse);
    }
  });
}

// call emits an event and resolves to the first argument of its acknowledgement.
export async function call(socket, event, ...args) {
  try {
    return await socket.timeout(patience).emitWithAck(event, ...args);
  } catch (err) {
    throw new Error(`"${event}" was not acknowledged: ${err.message}`);
  }
}

// callAll is call for an acknowledgement with any number of arguments.
export function callAll(socket, event, ...args) {
  return new Promise((resolve, reject) => {
    socket.timeout(patience).emit(event, ...args, (err, ...answer) => {
      if (err) {
        reject(new Error(`"${event}" was not acknowledged: ${err.message}`));
      } else {
        resolve(answer);
      }
    });
  });
}

// record notes the arguments of every event of that name from now on.
export function record(socket, event) {
  const heard = [];
  socket.on(event, (...args) => heard.push(args));
  return heard;
}

// diary notes each event from now on, with its name, and when the socket connects. It is for servers with recovery, each of
// whose events ends with an offset, which is left out; barriers are left out too.
export function diary(socket) {
  const heard = [];
  socket.onAny((event, ...args) => {
    assert.equal(typeof args.pop(), "string", `"${event}" has no offset`);
    if (!isBarrier(args[0])) {
      heard.push([event, ...args]);
    }
  });
  socket.on("connect", () => heard.push("connect"));
  return heard;
}

let barriers = 0;

function isBarrier(arg) {
  return String(arg).startsWith("barrier ");
}

// settled resolves when each of the sockets has heard all that `from` made the server send before. First a broadcast
// takes the way of those sends, to every socket of the namespace; then each socket makes a round trip of its own, for
// those that are of another namespace. What a record has not noted by then was never sent.
export async function settled(from, ...sockets) {
  const token = `barrier ${++barriers}`;
  const broadcast = [from, ...sockets.filter((socket) => socket.nsp === from.nsp)].map((socket) => hears(socket, token));
  from.emit("everyone", token);
  await Promise.all(broadcast);
  for (const socket of sockets) {
    assert.equal(await call(socket, "echo", token), token);
  }
}

// hears resolves when a broadcast with that very argument has come.
function hears(socket, token) {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => reject(new Error(`${socket.id} did not hear the ${token}`)), patience);
    socket.on("everyone", function listen(arg) {
      if (arg === token) {
        clearTimeout(timer);
        socket.off("everyone", listen);
        resolve();
      }
    });
  });
}

// disconnection resolves to the reason for which the socket is disconnected next.
export async function disconnection(socket) {
  const [reason] = await once(socket, "disconnect");
  return reason;
}

// isDropped resolves when the connection of the socket was lost from the other side. What the client makes of that
// depends on whether it was still sending, so both reasons are right.
export async function isDropped(socket) {
  const reason = await disconnection(socket);
  assert.ok(["transport close", "transport error"].includes(reason), `disconnected by "${reason}"`);
}

// restartServer asks the test for another server process at the same address, and resolves when it listens.
export async function restartServer() {
  await demand("restart the server", "restarted");
}

// stopServer asks the test to stop the server as an operator would, and resolves when it has been told to. The scenario
// goes on meanwhile; the test sees to it that the server ends well.
export async function stopServer() {
  await demand("stop the server", "stopping");
}

async function demand(line, done) {
  const input = createInterface({ input: process.stdin });
  console.log(line);
  const [answer] = await once(input, "line");
  assert.equal(answer, done);
  input.close();
}
