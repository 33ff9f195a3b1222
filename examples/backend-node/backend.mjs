// A backend for starling serve, with nothing but what Node has.
//
// It gives its users tokens, emits events to them by HTTP, and answers their events by webhook. See examples/README.md.

import { createHmac, timingSafeEqual } from "node:crypto";
import { createServer } from "node:http";

const API = process.env.STARLING_API ?? "http://127.0.0.1:9090";
const { STARLING_API_KEY: API_KEY, STARLING_JWT_SECRET: JWT_SECRET, STARLING_WEBHOOK_SECRET: WEBHOOK_SECRET } = process.env;
const PORT = process.env.PORT ?? 3000;

let orders = 0;

// token makes a token for an hour: the user is put into the workspace's room, and may talk to those who are there.
function token(user, workspace) {
  const room = `ws:${workspace}`;
  const claims = {
    sub: user,
    exp: Math.floor(Date.now() / 1000) + 3600,
    join: [room],
    rooms: [`${room}:*`],
    emit: [room, `${room}:*`],
    data: { name: user },
  };
  const text = [{ alg: "HS256", typ: "JWT" }, claims].map((part) => Buffer.from(JSON.stringify(part)).toString("base64url")).join(".");
  return `${text}.${createHmac("sha256", JWT_SECRET).update(text).digest("base64url")}`;
}

// emit emits an event to a room. The answer says how many sockets that were.
async function emit(room, event, data) {
  const response = await fetch(`${API}/v1/rooms/${encodeURIComponent(room)}/emit`, {
    method: "POST",
    headers: { Authorization: `Bearer ${API_KEY}`, "Content-Type": "application/json" },
    body: JSON.stringify({ event, data }),
    signal: AbortSignal.timeout(5000),
  });
  if (!response.ok) throw new Error(`${response.status} ${await response.text()}`);
  return response.json();
}

// signed tells whether a webhook comes from our server, and now: t=<unix>,v1=<hex HMAC-SHA256 of "t.body">.
function signed(header, body) {
  const fields = header.split(",").map((field) => field.split("="));
  const at = fields.find(([name]) => name === "t")?.[1];
  if (!(Math.abs(Date.now() / 1000 - at) <= 300)) return false;
  const want = createHmac("sha256", WEBHOOK_SECRET).update(`${at}.`).update(body).digest();
  return fields.some(([name, value = ""]) => {
    const got = Buffer.from(value, "hex");
    return name === "v1" && got.length === want.length && timingSafeEqual(got, want);
  });
}

// hook answers a webhook; what is returned as "ack" is what the client's emitWithAck gets.
async function hook(call) {
  if (call.type === "event" && call.event === "order:new") {
    const [workspace, item] = call.args;
    const order = { id: ++orders, item, by: call.user };
    await emit(`ws:${workspace}`, "order", order);
    return { ack: [{ id: order.id }] };
  }
  if (call.type === "batch") {
    for (const event of call.events) console.log("starling says:", event.type, event.user ?? event.room);
  }
  return {};
}

async function answer(path, headers, body) {
  if (path === "/hooks") {
    if (!signed(headers["x-starling-signature"] ?? "", body)) return [400, { message: "wrong signature" }];
    return [200, await hook(JSON.parse(body))];
  }
  const given = JSON.parse(body);
  switch (path) {
    case "/login": // where a real backend would look at a password
      return [200, { token: token(given.user, given.workspace) }];
    case "/announce":
      return [200, await emit(`ws:${given.workspace}`, "announcement", given.text)];
  }
  return [404, { message: "no such page" }];
}

const server = createServer(async (request, response) => {
  const pieces = [];
  for await (const piece of request) pieces.push(piece);
  const [status, value] = await answer(request.url, request.headers, Buffer.concat(pieces)).catch((err) => {
    console.error(err);
    return [500, { message: "internal error" }];
  });
  response.writeHead(status, { "Content-Type": "application/json" }).end(JSON.stringify(value));
});
server.listen(PORT, "127.0.0.1", () => console.log(`listening on http://127.0.0.1:${server.address().port}`));
