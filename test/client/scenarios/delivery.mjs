// To everyone, to everyone but oneself, and to one socket id.
import assert from "node:assert/strict";
import { call, connected, record, scenario, settled } from "../client.mjs";

scenario(async () => {
  const all = [await connected("/"), await connected("/"), await connected("/")];
  const mia = await connected("/members", { auth: { name: "mia" } });
  const [ann, ben, eve] = all;

  const heard = Object.fromEntries(
    ["everyone", "others", "direct"].map((event) => [event, [...all, mia].map((socket) => record(socket, event))]),
  );
  // The barriers are broadcasts to everyone too: they are left out here.
  const expect = (event, ...want) => {
    const got = heard[event].map((list) => list.splice(0).filter(([arg]) => !String(arg).startsWith("barrier ")));
    assert.deepEqual({ [event]: got }, { [event]: want });
  };

  ann.emit("everyone", "hear", ["all"], { of: "you" });
  await settled(ann, ...all, mia);
  const said = ["hear", ["all"], { of: "you" }];
  expect("everyone", [said], [said], [said], []);

  assert.equal(await call(ben, "everyone", "and me"), "ok");
  await settled(ben, ...all, mia);
  expect("everyone", [["and me"]], [["and me"]], [["and me"]], []);

  assert.equal(await call(ann, "others", "not me", 1), "ok");
  await settled(ann, ...all, mia);
  expect("others", [], [["not me", 1]], [["not me", 1]], []);

  assert.equal(await call(mia, "others", "nobody else is a member"), "ok");
  await settled(mia, ...all, mia);
  expect("others", [], [], [], []);

  assert.equal(await call(ann, "direct", eve.id, "psst", { x: null }), "ok");
  await settled(ann, ...all, mia);
  expect("direct", [], [], [[ann.id, "psst", { x: null }]], []);

  // To oneself; to nobody; to the id of a socket in another namespace, which is nobody in this one.
  await call(ben, "direct", ben.id, "note to self");
  await call(ben, "direct", "nobody-has-this-id", "lost");
  await call(ben, "direct", mia.id, "wrong house");
  await settled(ben, ...all, mia);
  expect("direct", [], [[ben.id, "note to self"]], [], []);

  // What one socket sends arrives in the order in which it was sent, whatever the way.
  const order = [];
  eve.onAny((event, arg, extra) => order.push([event, event === "direct" ? extra : arg]));
  for (let i = 0; i < 30; i += 3) {
    ann.emit("everyone", i);
    ann.emit("direct", eve.id, i + 1);
    ann.emit("others", i + 2);
  }
  await settled(ann, eve);
  const events = ["everyone", "direct", "others"];
  const want = Array.from({ length: 30 }, (_, i) => [events[i % 3], i]);
  assert.deepEqual(order.slice(0, 30), want);
});
