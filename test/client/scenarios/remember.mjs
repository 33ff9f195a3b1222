// A client that remembers its upgrade begins with the WebSocket the next time.
import assert from "node:assert/strict";
import { Cable, call, client, isDropped, once, scenario, upgraded } from "../client.mjs";

scenario(async () => {
  const first = client("/", { rememberUpgrade: true });
  assert.equal(await opens(first), "polling");
  await once(first, "connect");
  await upgraded(first);

  const cable = new Cable();
  const second = client("/", { rememberUpgrade: true, agent: cable, reconnection: true, reconnectionDelay: 10 });
  assert.equal(await opens(second), "websocket");
  await once(second, "connect");
  assert.equal(await call(second, "echo", "at once"), "at once");

  // So it does when its connection has broken.
  const gone = isDropped(second);
  const back = once(second, "connect");
  cable.cut();
  await gone;
  await back;
  assert.equal(second.io.engine.transport.name, "websocket");
  assert.equal(await call(second, "echo", "again"), "again");

  // Whoever does not remember begins anew.
  assert.equal(await opens(client("/")), "polling");
});

// opens resolves to the transport by which a session begins.
async function opens({ io: { engine } }) {
  await once(engine, "open");
  return engine.transport.name;
}
