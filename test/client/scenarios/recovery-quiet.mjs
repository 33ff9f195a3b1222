// Clients that have never got an event come back like any other.
import assert from "node:assert/strict";
import { call, connected, diary, disconnection, once, persistent, scenario, settled } from "../client.mjs";
import { Relay } from "../relay.mjs";

scenario(async () => {
  const relay = await Relay.open();
  const witness = await connected("/");
  await call(witness, "everyone", "before anybody came");
  const quiet = await connected("/", { relay, ...persistent });
  const heard = diary(quiet);
  const { id } = quiet;

  // For a long time there is nothing to hear.
  for (let round = 0; round < 3; round++) {
    const gone = disconnection(quiet);
    const back = once(quiet, "connect");
    relay.cut();
    await gone;
    relay.mend();
    await back;
    assert.deepEqual([quiet.recovered, quiet.id], [true, id]);
  }

  // Its first event is one that it has missed; the others were there before it.
  const gone = disconnection(quiet);
  const back = once(quiet, "connect");
  relay.cut();
  await gone;
  await call(witness, "everyone", "the first");
  relay.mend();
  await back;
  await settled(witness, quiet);
  assert.deepEqual([quiet.recovered, quiet.id], [true, id]);
  assert.deepEqual(heard, ["connect", "connect", "connect", ["everyone", "the first"], "connect"]);
});
