// What runs in the pages. The client has made `io` before.

"use strict";

// How long an answer may take before the scenario fails. It bounds failures only: nothing waits for it to pass.
const patience = 120_000;

// Peer is a client in the page that connects at once, and tells what became of it.
class Peer {
  steps = []; // of the connection, from transport to transport
  heard = []; // the events by the name of echo, room and others

  constructor(url, options) {
    this.socket = io(url, { forceNew: true, reconnection: false, ...options });
    const { engine } = this.socket.io;
    engine.on("open", () => this.steps.push(`open by ${engine.transport.name}`));
    engine.on("upgrade", (transport) => this.steps.push(`upgrade to ${transport.name}`));
    this.upgraded = once(engine, "upgrade");
    this.upgraded.catch(() => {}); // whoever waits for it will hear of it
    for (const event of ["echo", "room", "others"]) {
      this.socket.on(event, (...args) => this.heard.push([event, ...args]));
    }
  }

  // connected resolves when the server has let the peer in.
  connected() {
    return new Promise((resolve, reject) => {
      this.socket.once("connect", () => resolve(this));
      this.socket.once("connect_error", (err) => reject(new Error(`refused: ${err.message}`)));
    });
  }

  call(event, ...args) {
    return this.socket.timeout(patience).emitWithAck(event, ...args);
  }

  get transport() {
    return this.socket.io.engine.transport.name;
  }
}

// connected resolves to a peer that the server has let in. A client that upgrades is in the middle of that then.
function connected(url, options) {
  return new Peer(url, options).connected();
}

// refusal resolves to the message with which a client is refused.
function refusal(url, options) {
  const { socket } = new Peer(url, options);
  socket.once("connect", () => socket.emit("others", "I should not be here"));
  return once(socket, "connect_error").then((err) => err.message);
}

// once resolves to the argument of the next event of that name.
function once(emitter, event) {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => reject(new Error(`"${event}" did not come within ${patience} ms`)), patience);
    emitter.once(event, (arg) => {
      clearTimeout(timer);
      resolve(arg);
    });
  });
}

// bytesOf is a recognizable piece of bytes.
function bytesOf(size) {
  return Uint8Array.from({ length: size }, (_, i) => i * 7 + (i >> 8) + size).buffer;
}

// isSame compares what was sent with what came back, which is an ArrayBuffer for bytes of any kind.
function isSame(buffer, other) {
  const [a, b] = [new Uint8Array(buffer), new Uint8Array(other)];
  return other instanceof ArrayBuffer && a.length === b.length && a.every((byte, i) => byte === b[i]);
}
