// Pieces of bytes, from none to 200 KB, and text between them, sent from the moment when there is a connection: in
// echoes, in acknowledgements and to somebody else.
import assert from "node:assert/strict";
import { callAll, client, connected, once, record, scenario, settled } from "../client.mjs";

// A large one comes first, so that it is on its way while a client upgrades.
const sizes = [200_000, 0, 1, 2, 3, 4, 5, 125, 126, 127, 767, 768, 1023, 1024, 1025, 65_535, 65_536, 100_000];

scenario(async () => {
  const pieces = sizes.map((size) => Buffer.from(Uint8Array.from({ length: size }, (_, i) => i * 7 + (i >> 8) + size)));
  const witness = await connected("/");
  const seen = record(witness, "others");
  const socket = client("/");
  const heard = record(socket, "echo");
  await once(socket, "connect");

  // Not all the pieces at once: a client that fills a POST up to the limit takes base64 for shorter than it is.
  for (const [i, piece] of pieces.entries()) {
    const event = i % 2 ? "echo" : "work";
    socket.emit(event, `the size of ${i} is ${piece.length}`);
    socket.emit(event, piece, { again: [piece, "é"] });
    socket.emit("others", piece);
    assert.deepEqual(await callAll(socket, event, piece, piece.length), [piece, piece.length]);
  }

  await settled(socket, witness);
  assert.deepEqual(heard, pieces.flatMap((piece, i) => [
    [`the size of ${i} is ${piece.length}`],
    [piece, { again: [piece, "é"] }],
  ]));
  assert.deepEqual(seen, pieces.map((piece) => [piece]));
});
