// A client whose packets have another format than the server's is disconnected, and nobody else notices.
import assert from "node:assert/strict";
import { call, client, connected, disconnection, format, formats, once, scenario } from "../client.mjs";

scenario(async () => {
  const witness = await connected("/");
  const [other] = Object.keys(formats).filter((name) => name !== format);
  const options = format === "standard" ? formats[other] : { parser: undefined };

  for (let i = 0; i < 3; i++) {
    const stranger = client("/", options);
    const engine = once(stranger.io.engine, "close");
    stranger.on("connect", () => assert.fail("it is connected"));
    assert.match(await disconnection(stranger), /^transport (close|error)$/);
    await engine;
    assert.equal(await call(witness, "echo", "fine"), "fine");
  }
  assert.equal(await call(await connected("/"), "echo", "fine too"), "fine too");
});
