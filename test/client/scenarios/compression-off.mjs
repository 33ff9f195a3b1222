// A server that does not compress the responses to polls.
import assert from "node:assert/strict";
import { scenario } from "../client.mjs";
import { Session } from "../raw.mjs";

const large = `42["echo","${"large ".repeat(1000)}"]`;

scenario(async () => {
  const session = await Session.open();
  await session.send(large);
  const { status, headers, body } = await session.get({ "Accept-Encoding": "gzip" });
  assert.deepEqual([status, headers["content-encoding"], body.toString()], [200, undefined, large]);
});
