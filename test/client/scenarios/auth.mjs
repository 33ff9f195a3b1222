// A namespace that asks who comes: refusals with their message and data, and a second try that is better.
import assert from "node:assert/strict";
import { beside, call, client, connected, once, scenario } from "../client.mjs";

scenario(async () => {
  for (const auth of [undefined, {}, { name: "" }, { name: 7 }, { name: ["ada"] }]) {
    const refused = client("/members", { auth });
    const [err] = await once(refused, "connect_error");
    const { message, data } = err;
    assert.deepEqual({ auth, message, data }, { auth, message: "a name is required", data: { field: "auth.name" } });
    assert.equal(refused.connected, false);
  }

  const accepted = await connected("/members", { auth: { name: "ada" } });
  assert.equal(await call(accepted, "echo", 1), 1);

  // The client may compute its auth when it is asked.
  await connected("/members", { auth: (give) => give({ name: "grace" }) });

  // A refusal ends neither the connection nor the right to try again on it.
  const main = await connected("/");
  const member = beside(main, "/members", { auth: {} });
  await once(member, "connect_error");
  assert.equal(await call(main, "echo", 2), 2);
  member.auth = { name: "bob" };
  member.connect();
  await once(member, "connect");
  assert.equal(await call(member, "echo", 3), 3);
  assert.equal(member.io.engine, main.io.engine);
});
