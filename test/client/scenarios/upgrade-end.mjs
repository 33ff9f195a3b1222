// The server says goodbye to clients that are on their way from polling to a WebSocket. Wherever they are, they hear it,
// and none of them takes it for a broken connection.
import assert from "node:assert/strict";
import { client, disconnection, once, scenario } from "../client.mjs";
import { Session } from "../raw.mjs";

const each = 10; // clients for each moment, because what arrives first is for the network to decide

// The moments at which the client asks to be disconnected.
const moments = {
  "when it is let in": (socket, go) => socket.on("connect", go),
  "when the WebSocket opens": (socket, go) => onProbe(socket, (transport) => transport.on("open", go)),
  "when the server has answered the probe": (socket, go) => socket.io.engine.on("upgrading", go),
  "when it has upgraded": (socket, go) => socket.io.engine.on("upgrade", go),
};

scenario(async () => {
  for (const [moment, at] of Object.entries(moments)) {
    const ends = Array.from({ length: each }, async () => {
      const socket = client("/", { reconnection: true });
      at(socket, () => socket.emit("bye", true));
      const reason = await disconnection(socket).catch(({ message }) => message);
      return { reason, active: socket.active };
    });
    const want = Array(each).fill({ reason: "io server disconnect", active: false });
    assert.deepEqual(await Promise.all(ends), want, moment);
  }

  // The client has heard "3probe" and the answer to its last poll, so it asks for nothing more: what is left to be said
  // comes by the WebSocket, behind "5".
  const session = await Session.open();
  const ws = await session.probe();
  const end = once(ws, "close");
  await session.send('42["work","last words"]', '42["bye",true]');
  ws.send("5");
  await end;
  assert.deepEqual(ws.heard, ['42["echo","last words"]', "41"]);
  await session.isUnknown();

  // A client that does not go over after all hears it by polling.
  const other = await Session.open();
  const abandoned = await other.probe();
  await other.send('42["bye",true]');
  abandoned.terminate();
  let [heard] = await other.poll();
  while (heard === "6") { // the server has not read yet that the WebSocket is gone
    [heard] = await other.poll();
  }
  assert.equal(heard, "41");
});

// onProbe is told the transport with which a client tries its upgrade.
function onProbe({ io: { engine } }, tell) {
  const create = engine.createTransport;
  engine.createTransport = function (name) {
    const transport = create.call(engine, name);
    if (name === "websocket") {
      tell(transport);
    }
    return transport;
  };
}
