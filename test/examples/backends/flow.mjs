// Two users of a workspace and one of another, and a backend that gives them tokens, emits to them by HTTP, and answers by webhook.
import assert from "node:assert/strict";
import { call, client, once, scenario } from "../../client/client.mjs";
import { events } from "../inbox.mjs";

const backend = process.env.BACKEND;

scenario(async () => {
  const ann = await person("ann", "acme");
  const bob = await person("bob", "acme");
  const gus = await person("gus", "globex");

  // The backend reaches a workspace, and hears how many that were.
  const said = await post("/announce", { workspace: "acme", text: "hello, acme" });
  assert.deepEqual([said.matched, said.queued, said.dropped], [2, 2, 0]);
  for (const socket of [ann, bob]) assert.deepEqual(await socket.heard.next(), ["announcement", "hello, acme"]);

  // A client's event goes to the backend, which acknowledges it and tells the workspace.
  const { id } = await call(ann, "order:new", "acme", "a chair");
  for (const socket of [ann, bob]) assert.deepEqual(await socket.heard.next(), ["order", { id, item: "a chair", by: "ann" }]);
  assert.deepEqual(await call(bob, "order:new", "acme", "a table"), { id: id + 1 });
  for (const socket of [ann, bob]) assert.deepEqual((await socket.heard.next())[1].item, "a table");

  // Clients of a workspace reach each other.
  assert.deepEqual(await call(ann, "emit", "ws:acme", "client:hi", 1), { room: "ws:acme" });
  assert.deepEqual(await bob.heard.next(), ["client:hi", { sid: ann.id, user: "ann", room: "ws:acme" }, 1]);
  const who = await call(bob, "who", "ws:acme");
  assert.deepEqual(who.sockets.map(({ user, data }) => `${user} ${data.name}`).sort(), ["ann ann", "bob bob"]);

  // And nobody else.
  for (const [event, ...args] of [["join", "ws:acme"], ["emit", "ws:acme", "client:hi"], ["who", "ws:acme"]]) {
    assert.equal((await call(gus, event, ...args)).error.code, "room_forbidden", event);
  }
  assert.deepEqual([ann, bob, gus].map(({ heard }) => heard.rest), [[], [], []]);
});

async function post(path, value) {
  const response = await fetch(backend + path, { method: "POST", body: JSON.stringify(value) });
  assert.equal(response.status, 200);
  return response.json();
}

// person is connected with a token that the backend has given.
async function person(user, workspace) {
  const { token } = await post("/login", { user, workspace });
  const socket = client("/", { auth: { token } });
  socket.heard = events(socket);
  await once(socket, "connect");
  return socket;
}
