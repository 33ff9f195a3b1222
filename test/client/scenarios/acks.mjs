// Acknowledgements both ways, with any number of arguments, late, never, and off the loop.
import assert from "node:assert/strict";
import { call, callAll, connected, once, scenario } from "../client.mjs";

scenario(async () => {
  const socket = await connected("/");
  const silent = await connected("/");
  const unanswered = callAll(silent, "ask", "anybody there?"); // takes the server's 5 s, beside all the rest

  for (const event of ["echo", "work"]) {
    assert.deepEqual(await callAll(socket, event), []);
    assert.deepEqual(await callAll(socket, event, 1, "a", null, true, { b: [1.5, -2, 1e-21] }, []), [
      1, "a", null, true, { b: [1.5, -2, 1e-21] }, [],
    ]);
    socket.emit(event, "without", { an: "ack" });
    assert.deepEqual(await once(socket, "echo"), ["without", { an: "ack" }]);
  }

  // Many at once: each answer finds its own question.
  const numbers = Array.from({ length: 300 }, (_, i) => i);
  const answers = numbers.map((i) => call(socket, i % 2 ? "echo" : "work", i));
  assert.deepEqual(await Promise.all(answers), numbers);

  // The server asks, the client answers, and the answer comes back as the acknowledgement of our own event.
  socket.on("question", (...args) => args.pop()("you asked", ...args));
  assert.deepEqual(await callAll(socket, "ask"), ["you asked"]);
  assert.deepEqual(await callAll(socket, "ask", "six", { by: 9 }), ["you asked", "six", { by: 9 }]);
  const asked = numbers.slice(0, 50).map((i) => callAll(socket, "ask", i));
  assert.deepEqual(await Promise.all(asked), numbers.slice(0, 50).map((i) => ["you asked", i]));

  // Only the first answer counts, and a second one harms nothing.
  socket.off("question");
  socket.on("question", (answer) => {
    answer("first");
    answer("second");
  });
  assert.deepEqual(await callAll(socket, "ask"), ["first"]);

  // An event that the server does not know is never acknowledged; the client's own timeout says so.
  await assert.rejects(socket.timeout(50).emitWithAck("unheard of", 1), { message: "operation has timed out" });
  assert.equal(await call(socket, "echo", "after it"), "after it");

  assert.deepEqual(await unanswered, [{ error: "operation has timed out" }]);
  assert.equal(await call(silent, "echo", "no harm done"), "no harm done");
});
