// Text from everywhere, in names and in payloads.
import assert from "node:assert/strict";
import { call, connected, record, scenario, settled } from "../client.mjs";

const texts = [
  "grüße", "привет", "你好", "שלום", "日本語テキスト",
  "🎉", "👩‍👩‍👧‍👦 family", "e\u0301 combining", "𝒳 outside the first plane",
  "line\u2028separator\u2029paragraph", "\u0000\u0001\u001e\u001f control", "\u007f\u0080\u009f", "\ufeffmark", "\uffff",
  'quote " backslash \\ slash / newline \n tab \t', "42[\"not a packet\"]", "/members,", "%F0%9F%8E%89 &#x1F389;",
];

scenario(async () => {
  const [ann, ben] = [await connected("/"), await connected("/")];
  const heard = record(ben, "room");

  for (const text of texts) {
    for (const event of ["echo", "work"]) {
      assert.equal(await call(ann, event, text), text);
    }
    assert.deepEqual(await call(ann, "echo", { [text]: [text] }), { [text]: [text] });

    // As the name of a room.
    assert.equal(await call(ben, "join", text), "ok");
    assert.deepEqual(await call(ben, "rooms"), [ben.id, text].sort(byBytes));
    await call(ann, "room", text, text);
    assert.equal(await call(ben, "leave", text), "ok");

    // As the name of an event that nobody handles: nothing happens, whether it asks for an answer or not.
    ann.emit(text, "nobody listens");
    ann.emit(text, () => assert.fail(`an acknowledgement of "${text}"`));
  }
  await settled(ann, ben);
  assert.deepEqual(heard, texts.map((text) => [text, text]));
  assert.equal(await call(ann, "echo", "still here"), "still here");

  // As what a client tells of itself.
  const member = await connected("/members", { auth: { name: texts.join() } });
  assert.equal(await call(member, "echo", "🎉"), "🎉");
});

// byBytes is the order of names on the server, which is that of their UTF-8 bytes.
function byBytes(a, b) {
  return Buffer.compare(Buffer.from(a), Buffer.from(b));
}
