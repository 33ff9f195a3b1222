const $ = (id) => document.getElementById(id);

const patience = 5000; // ms for the server to acknowledge
const typingPause = 1000; // ms between two words of typing
const socket = io({ autoConnect: false });

let room; // where we are

// The door: the name goes into the auth payload, and the server's middleware decides.
$("door").addEventListener("submit", (event) => {
  event.preventDefault();
  $("refusal").textContent = "";
  socket.auth = { name: $("name").value };
  socket.connect();
});

socket.on("connect_error", (err) => {
  // An active socket tries again by itself: the server could not be reached, and nobody was refused.
  $("refusal").textContent = socket.active ? "The server cannot be reached, trying again …" : err.message;
  $("door").hidden = false;
  $("house").hidden = true;
});

socket.on("connect", () => {
  $("status").textContent = "";
  $("refusal").textContent = "";
  $("door").hidden = true;
  $("house").hidden = false;
});

socket.on("disconnect", (reason) => {
  $("status").textContent = `disconnected: ${reason}`;
});

// The server tells the rooms at each connection. After a reconnection it no longer knows in which one we were.
socket.on("rooms", (rooms) => {
  $("rooms").replaceChildren(...rooms.map((name) => {
    const button = element("button", name);
    button.addEventListener("click", () => enter(name));
    return button;
  }));
  enter(rooms.includes(room) ? room : rooms[0]);
});

async function enter(name) {
  if (room !== name) {
    room = name;
    $("room").textContent = room;
    $("log").replaceChildren();
    $("typing").textContent = "";
  }
  for (const button of $("rooms").children) {
    button.toggleAttribute("aria-current", button.textContent === room);
  }
  $("text").focus();
  const answer = await ask("join", name);
  here(name, () => notice(answer === "ok" ? `You are in ${name}` : answer));
}

$("say").addEventListener("submit", async (event) => {
  event.preventDefault();
  const text = $("text").value.trim();
  if (!text) {
    return;
  }
  $("text").value = "";
  const line = say({ text }, "mine");
  const mark = element("small", "…");
  line.append(mark);
  mark.textContent = await ask("message", text);
});

let typedAt = 0;
$("text").addEventListener("input", () => {
  if (Date.now() - typedAt > typingPause) {
    typedAt = Date.now();
    socket.volatile.emit("typing"); // not worth keeping while there is no connection
  }
});

socket.on("message", (message) => here(message.room, () => {
  $("typing").textContent = "";
  say(message);
}));
socket.on("joined", (where, name) => here(where, () => notice(`${name} has come in`)));
socket.on("left", (where, name) => here(where, () => notice(`${name} has left`)));

let quiet;
socket.on("typing", (where, name) => here(where, () => {
  $("typing").textContent = `${name} is typing …`;
  clearTimeout(quiet);
  quiet = setTimeout(() => ($("typing").textContent = ""), 2 * typingPause);
}));

// here leaves out what was still on its way from a room that we have left.
function here(where, act) {
  if (where === room) {
    act();
  }
}

// ask resolves to what the server acknowledges, or to the text of what went wrong.
async function ask(event, ...args) {
  try {
    const answer = await socket.timeout(patience).emitWithAck(event, ...args);
    return answer.error ?? answer;
  } catch {
    return "no answer";
  }
}

function say({ from, text }, look = "theirs") {
  const line = element("li", text);
  if (from) {
    line.prepend(element("b", from));
  }
  return show(line, look);
}

const notice = (text) => show(element("li", text), "notice");

function show(line, look) {
  line.className = look;
  $("log").append(line);
  line.scrollIntoView({ block: "end" });
  return line;
}

// element has its text as text: what others have written is never markup.
function element(name, text) {
  const made = document.createElement(name);
  made.textContent = text;
  return made;
}
