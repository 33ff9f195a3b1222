// How sessions by polling end, with a poll waiting at the server and without.
import assert from "node:assert/strict";
import { call, connected, once, scenario } from "../client.mjs";
import { Session } from "../raw.mjs";

const noop = "6";
const closed = "1";

scenario(async () => {
  const witness = await connected("/");

  // The server closes the connection. Whether a poll waits or is yet to come, it brings the goodbye first, and then the
  // end of the session.
  let session = await Session.open();
  const poll = await session.waiting(witness);
  await session.send('42["bye",true]');
  assert.deepEqual(await rest(session, await poll()), ["41", closed]);
  await session.isUnknown();

  session = await Session.open();
  await session.send('42["bye",true]');
  await call(witness, "echo", "meanwhile");
  assert.deepEqual(await rest(session), ["41", closed]);
  await session.isUnknown();

  // What was said before the goodbye is heard before it, and what is said behind it is not heard.
  session = await Session.open();
  await session.send('42["work","last words"]', '42["bye",true]', '42["work","too late"]');
  assert.deepEqual(await rest(session), ['42["echo","last words"]', "41", closed]);

  // A goodbye to one namespace leaves the session, whose next goodbye comes from the other side.
  session = await Session.open();
  await session.send('42["bye",false]');
  assert.deepEqual(await session.poll(), ["41"]);
  await session.send("40");
  assert.match((await session.poll())[0], /^40{"sid":/);

  // The client says goodbye, and closes: its waiting poll is answered, and the session is gone at once.
  const last = await session.waiting(witness);
  await session.send("41", closed);
  assert.deepEqual(await last(), [noop]);
  await session.isUnknown();

  session = await Session.open();
  await session.send("41", closed);
  await session.isUnknown();

  // So says the stock client.
  const socket = await connected("/");
  const { engine } = socket.io;
  const { id, transport } = engine;
  const end = once(engine, "close");
  socket.disconnect();
  await end;
  await once(transport, "drain"); // the POST that closes is answered
  await new Session(id).isUnknown();
  assert.equal(await call(witness, "direct", socket.id ?? id, "nobody"), "ok");
});

// rest resolves to what a session hears until it is closed, behind the packets that it has heard already.
async function rest(session, packets = []) {
  while (!packets.includes(closed)) {
    packets.push(...(await session.poll()));
  }
  return packets.filter((packet) => packet !== noop);
}
