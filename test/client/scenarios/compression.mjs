// What is worth it is compressed in the response to a poll, for those who ask for it. The stock client does not ask in
// Node.js; browsers do.
import assert from "node:assert/strict";
import { gunzipSync } from "node:zlib";
import { scenario } from "../client.mjs";
import { Session } from "../raw.mjs";

// Bodies of less than 1024 bytes are left alone.
const small = `42["echo","${"s".repeat(1000)}"]`;
const large = `42["echo","${"The quick brown fox jumps over the lazy dog. é ".repeat(2000)}"]`;

scenario(async () => {
  const session = await Session.open();
  for (const [accepted, encoding, ...packets] of [
    ["gzip", "gzip", large],
    ["gzip, deflate, br", "gzip", large],
    ["deflate;q=0.5, gzip;q=1.0", "gzip", large],
    ["gzip", "gzip", small, small], // together they are large enough
    ["gzip", undefined, small],
    ["gzip;q=0", undefined, large],
    ["br", undefined, large],
    ["identity", undefined, large],
    [undefined, undefined, large],
  ]) {
    await session.send(...packets);
    const headers = accepted === undefined ? {} : { "Accept-Encoding": accepted };
    const response = await session.get(headers);
    const about = `Accept-Encoding: ${accepted} for ${packets.length} packets of ${packets[0].length}`;
    assert.equal(response.status, 200, about);
    assert.equal(response.headers["content-encoding"], encoding, about);
    const body = encoding === "gzip" ? gunzipSync(response.body) : response.body;
    assert.equal(body.toString(), packets.join("\x1e"), about);
    if (encoding === "gzip" && packets[0] === large) {
      assert.ok(response.body.length < body.length / 20, `${body.length} bytes became ${response.body.length}`);
    }
  }
});
