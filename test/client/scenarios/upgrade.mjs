// Twenty clients go over from polling to a WebSocket while both sides send numbered events all the time, with text and
// with bytes. Nothing is lost, nothing comes twice, and all of it comes in order.
import assert from "node:assert/strict";
import { call, client, connected, once, scenario, settled } from "../client.mjs";

const clientCount = 20;
const before = 10; // events that the clients who wait for them hear by polling
const after = 20; // events that each client hears by WebSocket, and rounds of its own that it sends so

// Every third number travels as bytes, which take another way through the protocol.
const packed = (n) => (n % 3 ? n : Buffer.from(String(n)));
const unpacked = (arg) => Number(String(arg));
const range = (from, to) => Array.from({ length: to - from }, (_, i) => from + i);

scenario(async () => {
  // Those who have nothing to hear do not wait for the next heartbeat: the poll that waits is answered for the upgrade.
  const quiet = range(0, clientCount).map(() => client("/members", { auth: { name: "ada" } }));
  await Promise.all(quiet.map(({ io: { engine } }) => once(engine, "upgrade")));
  await Promise.all(quiet.map((socket) => call(socket, "echo", "there")));

  const pusher = await connected("/", { transports: ["websocket"] });
  await call(pusher, "join", "upwards");
  const upwards = range(0, clientCount).map(() => []);
  pusher.on("room", (_room, i, arg) => upwards[i].push(unpacked(arg)));

  // Down: the pusher sends to all the others, until each of them has heard enough.
  let pushed = 0;
  let goOn = true;
  const pushing = (async () => {
    while (goOn) {
      pusher.emit("others", packed(pushed++));
      await call(pusher, "others", packed(pushed++));
    }
  })();
  const climbers = range(0, clientCount).map((i) => new Climber(i, () => pushed));
  await Promise.all(climbers.map((climber) => climber.climb()));
  goOn = false;
  await pushing;
  await settled(pusher, ...climbers.map(({ socket }) => socket));
  await Promise.all(climbers.map(({ socket }) => settled(socket, pusher)));

  for (const { i, heard, echoed, sent, since } of climbers) {
    const numbers = heard.map(({ n }) => n);
    assert.ok(numbers[0] <= since, `client ${i} was there at ${since} and heard ${numbers[0]} first`);
    assert.deepEqual(numbers, range(numbers[0], pushed), `down to client ${i}`);
    assert.deepEqual(upwards[i], range(0, sent), `up from client ${i}`);
    assert.deepEqual(echoed, range(0, sent), `up from client ${i} and down again`);
  }
});

// Climber is a client that sends from the moment when it is connected until it has upgraded, and on.
class Climber {
  heard = []; // what the pusher said, and what it came by
  echoed = [];
  sent = 0;

  constructor(i, pushed) {
    this.i = i;
    this.pushed = pushed;
    this.socket = client("/");
    this.engine = this.socket.io.engine;
    this.socket.on("others", (arg) => this.heard.push({ n: unpacked(arg), by: this.engine.transport.name }));
    this.socket.on("echo", (arg) => this.echoed.push(unpacked(arg)));
    if (i % 2) {
      this.waitForEvents();
    }
  }

  // waitForEvents has the upgrade begin only when there was something to be heard by polling.
  waitForEvents() {
    const { engine, socket, heard } = this;
    const probe = engine._probe;
    engine._probe = function (...args) {
      socket.on("others", function listen() {
        if (heard.length === before) {
          socket.off("others", listen);
          probe.apply(engine, args);
        }
      });
    };
  }

  async climb() {
    const { engine, socket, i } = this;
    const steps = [];
    engine.on("open", () => steps.push(`open by ${engine.transport.name}`));
    engine.on("upgrade", ({ name }) => steps.push(`upgrade to ${name}`));
    const upgrade = once(engine, "upgrade");
    await once(socket, "connect");
    this.since = this.pushed();

    await Promise.all([upgrade, this.talkUntil(() => engine.transport.name === "websocket")]);
    assert.deepEqual(steps, ["open by polling", "upgrade to websocket"]);
    if (i % 2) {
      assert.ok(this.heardBy("polling") >= before, `client ${i} heard ${this.heardBy("polling")} by polling`);
    }
    const enough = this.sent + after;
    await this.talkUntil(() => this.sent >= enough && this.heardBy("websocket") >= after);
    assert.deepEqual(steps.length, 2);
  }

  async talkUntil(isEnough) {
    const { socket, i } = this;
    while (!isEnough()) {
      const arg = packed(this.sent++);
      socket.emit("room", "upwards", i, arg);
      socket.emit("echo", arg);
      assert.equal(await call(socket, "echo", this.sent), this.sent);
    }
  }

  heardBy(transport) {
    return this.heard.filter(({ by }) => by === transport).length;
  }
}
