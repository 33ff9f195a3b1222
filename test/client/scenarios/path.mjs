// The server listens at another path than everybody else.
import assert from "node:assert/strict";
import { call, client, connected, once, scenario, upgraded } from "../client.mjs";

scenario(async () => {
  for (const path of ["/chat/v1/", "/chat/v1"]) {
    const socket = await connected("/", { path });
    assert.equal(await call(socket, "echo", path), path);
    await upgraded(socket);
    assert.equal(await call(socket, "echo", path), path);
  }
  for (const path of ["/socket.io/", "/chat/", "/chat/v"]) {
    await once(client("/", { path }), "connect_error");
  }
});
