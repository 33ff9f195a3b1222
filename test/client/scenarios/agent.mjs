// Sessions that share their connections, as the tabs of a browser do: requests of many sessions come in on each, and
// what was an idle connection of one session becomes the WebSocket of another.
import assert from "node:assert/strict";
import { Agent } from "node:http";
import { call, client, once, scenario, upgraded, url } from "../client.mjs";

const sessionCount = 30;

// Sharing is an agent that keeps connections for the next request, whoever makes it, and notes who did.
class Sharing extends Agent {
  #sessions = new Map(); // the ids of the sessions that used each connection

  constructor(maxSockets) {
    super({ keepAlive: true, maxSockets });
  }

  addRequest(request, ...rest) {
    const sid = new URL(request.path, url).searchParams.get("sid");
    request.once("socket", (connection) => {
      const sids = this.#sessions.get(connection) ?? new Set();
      this.#sessions.set(connection, sid ? sids.add(sid) : sids);
    });
    super.addRequest(request, ...rest);
  }

  isShared() {
    const most = Math.max(...[...this.#sessions.values()].map(({ size }) => size));
    assert.ok(most > 1, `${this.#sessions.size} connections, and no two sessions used the same one`);
  }
}

scenario(async () => {
  // One after the other: two connections are enough, one for the poll that waits and one for all else.
  const pair = new Sharing(2);
  for (let i = 0; i < sessionCount; i++) {
    await visit(pair, i);
  }
  pair.isShared();

  // At once: thirty polls wait, and a few connections are left for what everybody sends.
  const few = new Sharing(sessionCount + 4);
  await Promise.all(Array.from({ length: sessionCount }, (_, i) => visit(few, i)));
  few.isShared();
});

async function visit(agent, i) {
  const socket = client("/", { agent });
  await once(socket, "connect");
  for (let n = 0; n < 10; n++) {
    assert.deepEqual(await call(socket, n % 2 ? "echo" : "work", [i, n]), [i, n]);
  }
  await upgraded(socket);
  assert.equal(await call(socket, "echo", i), i);
  const { engine } = socket.io;
  const { transport } = engine;
  const end = once(engine, "close");
  socket.disconnect();
  await end;
  if (transport.name === "polling") {
    await once(transport, "drain"); // the POST that closes is answered
  }
}
