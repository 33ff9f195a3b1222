// The server is stopped and started again at the same address; the client comes back by itself as another socket.
import assert from "node:assert/strict";
import { beside, call, connected, isDropped, once, restartServer, scenario } from "../client.mjs";

scenario(async () => {
  const socket = await connected("/", { reconnection: true, reconnectionDelay: 20, reconnectionDelayMax: 100 });
  const member = beside(socket, "/members", { auth: { name: "ada" } });
  const sockets = [socket, member];
  await once(member, "connect");
  const ids = sockets.map(({ id }) => id);

  // A server that stops says no goodbye to its sockets: "io server disconnect" would keep them from coming back.
  const gone = sockets.map((one) => isDropped(one));
  const back = sockets.map((one) => once(one, "connect"));
  await restartServer();
  await Promise.all(gone);
  await Promise.all(back);
  for (const [i, one] of sockets.entries()) {
    assert.notEqual(one.id, ids[i]);
    assert.ok(!one.recovered);
    assert.equal(await call(one, "echo", i), i);
  }
});
