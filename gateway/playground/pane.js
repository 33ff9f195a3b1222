// A pane is a workspace: a client of its own, with its user's token, and what that has received.

import { session, tokenOf } from "./api.js";
import { place } from "./code.js";

const patience = 5000; // ms for an acknowledgement
const retryDelay = 1000; // ms before a client that was refused, or sent away, comes again
const litTime = 900; // ms that a pane is lit for
const logMax = 50; // events that a pane shows
const eventMax = 2000; // characters of an event that it shows

export class Pane {
  received = 0;
  published = 0;
  steps = []; // from transport to transport
  waiting = []; // events that are to be shown with the next frame

  // name is that of the workspace, and other that of the one next door. The page is told by page.done(action, reply) what
  // was done, and by page.changed() that the client has come or gone.
  constructor(io, page, name, other) {
    Object.assign(this, { page, name, other, room: `ws:${name}`, user: userOf(session.tokens[name]) });
    this.build();
    this.connect(io);
  }

  // build makes the pane from the page's template.
  build() {
    this.root = document.getElementById("pane").content.cloneNode(true).firstElementChild;
    this.root.id = `pane-${this.name}`;
    this.root.classList.add(this.name);
    const title = this.$("h2");
    title.id = `${this.root.id}-title`;
    this.root.setAttribute("aria-labelledby", title.id);
    this.$("ol").setAttribute("aria-label", `Received in ${this.room}`);
    this.$(".copy").setAttribute("aria-label", `Copy the socket id of ${this.user}`);
    this.$(".clear").setAttribute("aria-label", `Clear what ${this.room} has received`);
    this.text("h2", this.room);
    this.text(".user", this.user);
    this.text(".publish", `Publish to ${this.room}`);
    this.text(".trespass", `Try to join ws:${this.other}`);
    this.membership(false, "–");
    this.on(".publish", () => this.publish());
    this.on(".trespass", () => this.trespass());
    this.on(".membership", () => (this.inside ? this.leave() : this.join()));
    this.on(".clear", () => this.clear());
    this.on(".copy", () => this.page.copy(this.$(".copy"), this.socket.id));
  }

  $(selector) {
    return this.root.querySelector(selector);
  }

  text(selector, text) {
    this.$(selector).textContent = text;
  }

  on(selector, act) {
    this.$(selector).addEventListener("click", act);
  }

  connect(io) {
    this.socket = io(session.url, {
      auth: (give) => this.authorize(give),
      forceNew: true,
      reconnectionDelay: 500,
      reconnectionDelayMax: 2000,
    });
    this.socket.on("connect", () => this.arrived());
    this.socket.on("disconnect", () => this.away("reconnecting …"));
    this.socket.on("connect_error", (err) => this.away(this.socket.active ? "reconnecting …" : `refused: ${err.message}`));
    this.socket.onAny((event, ...args) => this.receive(event, args));
    // Each connection of the manager has an engine of its own, which tells of its transports.
    this.socket.io.on("open", () => {
      const { engine } = this.socket.io;
      this.travel([engine.transport.name]);
      engine.on("upgrade", (transport) => this.travel([...this.steps, transport.name]));
    });
  }

  // authorize gives the token to a connection, unless that has ended before there was one.
  async authorize(give) {
    const { engine } = this.socket.io;
    const token = await tokenOf(this.name);
    if (engine === this.socket.io.engine) {
      give({ token });
    }
  }

  travel(steps) {
    this.steps = steps;
    this.text(".transport", steps.join(" → ") || "–");
  }

  arrived() {
    this.present("connected", true);
    this.join({ quietly: true });
  }

  away(words) {
    this.present(words, false);
    this.travel([]);
    this.membership(false, "–");
    if (!this.socket.active && !this.retry) {
      // The server has refused the client or sent it away, and then it does not come again by itself.
      this.retry = setTimeout(() => {
        this.retry = undefined;
        this.socket.connect();
      }, retryDelay);
    }
  }

  // present shows whether there is a connection, with the words for it.
  present(words, connected) {
    const state = this.$(".state");
    if (state.textContent !== words) { // or it would be read out with each attempt
      state.textContent = words;
    }
    state.className = `state ${connected ? "good" : "bad"}`;
    this.text(".id code", connected ? this.socket.id : "–");
    for (const button of this.root.querySelectorAll(".copy, .membership, .trespass")) {
      button.disabled = !connected;
    }
    this.page.changed();
  }

  notice(words, good) {
    this.text(".notice", words);
    this.$(".notice").className = `notice ${good ? "good" : "bad"}`;
  }

  membership(inside, words) {
    this.inside = inside;
    this.text(".room", words);
    this.text(".membership", inside ? "Leave" : "Join");
    this.$(".membership").setAttribute("aria-label", `${inside ? "Leave" : "Join"} ${this.room}`);
  }

  // populate shows how many sockets there are in the room.
  populate(sockets) {
    if (this.inside && sockets) {
      this.text(".room", `${this.room} · ${count(sockets, "socket")}`);
    }
  }

  // ask emits an event, and resolves to what the server has acknowledged it with.
  ask(event, ...args) {
    return this.socket.timeout(patience).emitWithAck(event, ...args)
      .catch((err) => ({ error: { code: "no answer", message: err.message } }));
  }

  async join({ quietly } = {}) {
    const ack = await this.ask("join", this.room);
    if (!this.socket.connected) {
      return; // and it is asked again with the next connection
    }
    this.membership(!ack.error, ack.error ? "none" : this.room);
    this.populate(ack.sockets);
    if (ack.error || !quietly) {
      this.notice(ack.error ? says(ack.error) : `${this.user} has joined ${this.room}`, !ack.error);
    }
    if (!quietly) {
      this.tell("join", this.room, ack);
    }
  }

  async leave() {
    const ack = await this.ask("leave", this.room);
    if (!ack.error) {
      this.membership(false, "none");
    }
    this.notice(ack.error ? says(ack.error) : `${this.user} has left ${this.room}`, !ack.error);
    this.tell("leave", this.room, ack);
  }

  // trespass tries to get into the workspace next door.
  async trespass() {
    const room = `ws:${this.other}`;
    const ack = await this.ask("join", room);
    this.notice(ack.error ? `Refused, ${says(ack.error)}` : `${this.user} has joined ${room}`, !ack.error);
    this.tell("join", room, ack);
  }

  // tell shows the code of what the client has asked for itself, and what that was acknowledged with.
  tell(event, room, ack) {
    this.page.done({
      title: `${event === "join" ? "Join" : "Leave"} ${room} as ${this.user}`,
      method: event === "join" ? "PUT" : "DELETE",
      path: place("rooms", room, "sockets", this.socket.id ?? ""),
      client: {
        token: session.tokens[this.name],
        code: `console.log(await socket.emitWithAck(${JSON.stringify(event)}, ${JSON.stringify(room)}));`,
      },
    }, { title: "Acknowledgement", answer: ack });
  }

  // publication is what the backend asks for to emit to the workspace's room.
  publication() {
    const data = { text: `Hello ${this.name}`, n: this.published + 1 };
    return { title: `Publish to ${this.room}`, method: "POST", path: place("rooms", this.room, "emit"), body: { event: "news", data } };
  }

  async publish() {
    const publication = this.publication();
    this.published++;
    const { good, words } = await this.page.perform(publication);
    this.notice(words, good);
  }

  // receive takes an event in. It is shown with the next frame, together with others that have come until then: a flood
  // costs no more than what can be seen of it.
  receive(event, args) {
    this.received++;
    if (this.waiting.push({ event, args, at: new Date() }) === 1) {
      requestAnimationFrame(() => this.show());
    } else if (this.waiting.length > logMax) {
      this.waiting.shift(); // a page in the background has no frames
    }
  }

  show() {
    this.text(".count", this.received);
    this.$("ol").prepend(...this.waiting.reverse().map(entry));
    this.waiting = [];
    while (this.$("ol").childElementCount > logMax) {
      this.$("ol").lastElementChild.remove();
    }
    this.light();
  }

  light() {
    clearTimeout(this.lit);
    this.root.classList.remove("lit");
    void this.root.offsetWidth; // so that the animation begins again
    this.root.classList.add("lit");
    this.lit = setTimeout(() => this.root.classList.remove("lit"), litTime);
  }

  clear() {
    this.received = 0;
    this.text(".count", 0);
    this.$("ol").replaceChildren();
  }
}

// entry is the line of an event.
function entry({ event, args, at }) {
  const line = document.createElement("li");
  const [time, name, data] = ["time", "b", "code"].map((tag) => line.appendChild(document.createElement(tag)));
  time.textContent = at.toLocaleTimeString("en-GB");
  name.textContent = event.slice(0, eventMax);
  data.textContent = args.map(written).join(", ").slice(0, eventMax);
  return line;
}

// written is an argument as JSON, in which bytes are only counted.
function written(arg) {
  return JSON.stringify(arg, (_, value) => (value instanceof ArrayBuffer ? `(${count(value.byteLength, "byte")})` : value)) ?? "undefined";
}

function count(n, noun) {
  return `${n} ${noun}${n === 1 ? "" : "s"}`;
}

const says = ({ code, message }) => `${code}: ${message}`;

// userOf is the subject of a token (RFC 7519 4.1.2). The page believes the server that gave it.
function userOf(token) {
  const [, claims] = token.split(".");
  const bytes = Uint8Array.from(atob(claims.replaceAll("-", "+").replaceAll("_", "/")), (c) => c.charCodeAt(0));
  return JSON.parse(new TextDecoder().decode(bytes)).sub;
}
