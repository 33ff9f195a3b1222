const $ = (id) => document.getElementById(id);

const patience = 8000; // ms; the server itself waits for the receiver for 5000
const animals = ["Otter", "Heron", "Badger", "Wren", "Lynx", "Newt", "Magpie", "Marten"];

// A name of one's own in each tab, kept over a reload; /?name=Ada chooses one.
const name = new URLSearchParams(location.search).get("name")
  ?? sessionStorage.getItem("name")
  ?? `${animals[Math.floor(Math.random() * animals.length)]} ${Math.floor(Math.random() * 100)}`;
sessionStorage.setItem("name", name);
$("me").textContent = name;

const people = new Map(); // by the id of the socket: what there is of a person on this page
let open; // whose letters are shown

const socket = io({ auth: { name } });

socket.on("connect", () => ($("status").textContent = socket.id));
socket.on("connect_error", (err) => ($("status").textContent = err.message));
socket.on("disconnect", (reason) => {
  $("status").textContent = `disconnected: ${reason}`;
  [...people.keys()].forEach(gone); // after a reconnection everybody's list is a new one
});

socket.on("people", (names) => Object.entries(names).forEach(([id, name]) => here(id, name)));
socket.on("joined", here);
socket.on("left", gone);

// The acknowledgement is what tells the sender that the letter has arrived.
socket.on("message", (from, text, arrived) => {
  const person = people.get(from);
  if (!person) {
    return; // has gone in the meantime; without an acknowledgement the sender would not believe it anyway
  }
  person.write(text, "theirs");
  arrived();
});

$("say").addEventListener("submit", async (event) => {
  event.preventDefault();
  const text = $("text").value.trim();
  if (!text) {
    return;
  }
  $("text").value = "";
  const mark = document.createElement("small");
  mark.textContent = "…";
  open.write(text, "mine").append(mark);
  try {
    mark.textContent = await socket.timeout(patience).emitWithAck("message", { to: open.id, text });
  } catch {
    mark.textContent = "the server does not answer";
  }
});

function here(id, name) {
  const person = new Person(id, name);
  people.set(id, person);
  $("people").append(person.item);
}

function gone(id) {
  const person = people.get(id);
  people.delete(id);
  person?.item.remove();
  if (person && person === open) {
    $("whom").textContent = `${person.name} has left`;
    $("say").hidden = true;
  }
}

class Person {
  letters = []; // the lines of the log
  unread = document.createElement("i");
  item = document.createElement("li");

  constructor(id, name) {
    this.id = id;
    this.name = name;
    const label = document.createElement("span");
    label.textContent = name;
    const button = document.createElement("button");
    button.append(label, this.unread);
    button.addEventListener("click", () => this.show());
    this.item.append(button);
  }

  show() {
    open = this;
    for (const person of people.values()) {
      person.item.firstChild.toggleAttribute("aria-current", person === this);
    }
    this.unread.textContent = "";
    $("whom").textContent = `To ${this.name} alone`;
    $("say").hidden = false;
    $("log").replaceChildren(...this.letters);
    this.letters.at(-1)?.scrollIntoView({ block: "end" });
    $("text").focus();
  }

  // write adds a line to the letters with this person, and returns it.
  write(text, look) {
    const line = document.createElement("li");
    line.textContent = text;
    line.className = look;
    this.letters.push(line);
    if (open === this) {
      $("log").append(line);
      line.scrollIntoView({ block: "end" });
    } else {
      this.unread.textContent = Number(this.unread.textContent) + 1;
    }
    return line;
  }
}
