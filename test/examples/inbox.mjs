// What scenarios and pages share: waiting for things in the order in which they come.

// How long something may take before the scenario fails. It bounds failures only: nothing waits for it to pass.
const patience = 120_000;

// Inbox keeps what has come until somebody asks for it, in order.
export class Inbox {
  #waiting = [];
  #wake = () => {};

  put(...what) {
    this.#waiting.push(what);
    this.#wake();
  }

  // next resolves to what has come next.
  async next() {
    if (this.#waiting.length === 0) {
      await within("the next event", (resolve) => (this.#wake = resolve));
    }
    return this.#waiting.shift();
  }

  // rest is what nobody has asked for.
  get rest() {
    return this.#waiting;
  }
}

// events is an inbox with all events of a socket but some, each with its name and then its arguments.
export function events(socket, ...except) {
  const inbox = new Inbox();
  socket.onAny((name, ...args) => except.includes(name) || inbox.put(name, ...args));
  return inbox;
}

// persist does something that may be lost again and again, until a promise has resolved.
export async function persist(act, until) {
  act();
  const timer = setInterval(act, 50);
  try {
    return await until;
  } finally {
    clearInterval(timer);
  }
}

// within is a promise that is rejected when it takes too long.
export function within(what, executor) {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => reject(new Error(`${what} did not come within ${patience} ms`)), patience);
    executor((value) => {
      clearTimeout(timer);
      resolve(value);
    });
  });
}

// answers resolves when the server takes connections: one inside another server answers 503 until its loops run.
export async function answers(url) {
  while ((await fetch(`${url}/socket.io/socket.io.min.js`)).status === 503) {
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}
