// A network between a client and the server that a scenario can break, in the ways in which networks break.

import net from "node:net";
import { once, url } from "./client.mjs";

export class Relay {
  // open makes a relay to the server.
  static async open() {
    const relay = new Relay();
    relay.#listener.listen(0, "127.0.0.1");
    await once(relay.#listener, "listening");
    relay.url = `http://127.0.0.1:${relay.#listener.address().port}`;
    return relay;
  }

  #listener = net.createServer((near) => this.#join(near));
  #lines = new Set();
  #barred = false;
  #localAddress;

  // bar lets nobody in any more: who tries is reset.
  bar() {
    this.#barred = true;
  }

  // cut ends all connections, which both sides hear of, and lets nobody in.
  cut() {
    this.bar();
    this.#lines.forEach(({ near, far }) => [near, far].forEach((end) => end.destroy()));
  }

  // lose ends all connections for the clients alone, and lets nobody in. The server takes them to be as good as before:
  // what it sends gets lost, and nothing comes.
  lose() {
    this.bar();
    this.#lines.forEach(({ near, far }) => {
      far.unpipe(near);
      near.unpipe(far);
      far.resume();
      near.destroy();
    });
  }

  // mend lets clients in again: to the server they come from localAddress, if one is given.
  mend(localAddress) {
    this.#barred = false;
    this.#localAddress = localAddress;
  }

  #join(near) {
    if (this.#barred) {
      near.on("error", () => {});
      near.resetAndDestroy();
      return;
    }
    const { hostname, port } = new URL(url);
    const far = net.connect({ host: hostname, port, localAddress: this.#localAddress });
    const line = { near, far };
    this.#lines.add(line);
    for (const [end, other] of [[near, far], [far, near]]) {
      end.setNoDelay();
      end.on("error", () => other.destroy());
      end.pipe(other);
    }
    far.once("close", () => this.#lines.delete(line));
  }
}
