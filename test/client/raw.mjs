// Sessions by polling whose requests the scenario makes itself: for what the stock client never does, and for what it
// does not show.

import assert from "node:assert/strict";
import http from "node:http";
import { WebSocket } from "ws";
import { call, once, patience, url } from "./client.mjs";

const separator = "\x1e";

export class Session {
  // open makes a session and connects it to the main namespace.
  static async open() {
    const session = new Session("");
    const opening = await session.get();
    assert.equal(opening.status, 200);
    const [type, ...data] = opening.body.toString();
    assert.equal(type, "0");
    session.sid = JSON.parse(data.join("")).sid;
    await session.send("40");
    const [connected, ...none] = await session.poll();
    assert.match(connected, /^40{"sid":"[^"]+"}$/);
    assert.deepEqual(none, []);
    session.id = JSON.parse(connected.slice(2)).sid;
    return session;
  }

  constructor(sid) {
    this.sid = sid;
  }

  // get resolves to the response to a poll, its body as it came. It calls sent when the request is on its way.
  get(headers = {}, sent) {
    return this.#request("GET", headers, [], sent);
  }

  // poll resolves to the packets that a poll brings.
  async poll(sent) {
    const { status, body } = await this.get({}, sent);
    assert.equal(status, 200, `a poll was answered with ${status}, ${body}`);
    return body.toString().split(separator);
  }

  // send brings packets to the server.
  async send(...packets) {
    const { status, body } = await this.#request("POST", { "Content-Type": "text/plain;charset=UTF-8" }, packets);
    assert.deepEqual([status, body.toString()], [200, "ok"]);
  }

  // isUnknown wants the server to have ended the session and forgotten it.
  async isUnknown() {
    const { status, body } = await this.get();
    assert.deepEqual([status, JSON.parse(body)], [400, { code: 1, message: "Session ID unknown" }]);
  }

  // waiting is a poll that the server has and does not answer yet, as a function that resolves to what it will bring.
  // That it has come in no event tells; when a witness, whose connection is another one of the same loop, was heard and
  // answered after the request was sent, it has.
  async waiting(witness) {
    let packets;
    await new Promise((sent, failed) => {
      packets = this.poll(sent);
      packets.catch(failed);
    });
    await call(witness, "echo", "meanwhile");
    return () => packets;
  }

  // probe resolves to a WebSocket that the server has agreed to go over to, once it is told "5". What it says is recorded
  // in its property heard.
  async probe() {
    const ws = new WebSocket(this.#target("websocket"));
    ws.heard = [];
    ws.on("message", (data) => ws.heard.push(data.toString()));
    await once(ws, "open");
    ws.send("2probe");
    await once(ws, "message");
    assert.deepEqual(ws.heard.splice(0), ["3probe"]);
    return ws;
  }

  #target(transport) {
    return `${url}/socket.io/?${new URLSearchParams({ EIO: 4, transport, ...(this.sid && { sid: this.sid }) })}`;
  }

  #request(method, headers, packets = [], sent = () => {}) {
    return new Promise((resolve, reject) => {
      const request = http.request(this.#target("polling"), { method, headers, timeout: patience });
      request.on("timeout", () => request.destroy(new Error(`a ${method} was not answered within ${patience} ms`)));
      request.on("error", reject);
      request.on("finish", sent);
      request.on("response", async (response) => {
        const { statusCode: status, headers } = response;
        try {
          resolve({ status, headers, body: Buffer.concat(await response.toArray()) });
        } catch (err) {
          reject(err);
        }
      });
      request.end(packets.join(separator));
    });
  }
}
