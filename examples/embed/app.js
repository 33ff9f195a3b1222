const $ = (id) => document.getElementById(id);

// /?user=… says who is looking: a real page has a session for that.
const user = new URLSearchParams(location.search).get("user") ?? "ada";
$("user").textContent = user;

const socket = io({ auth: { user } });

socket.on("connect", () => {
  $("status").textContent = "live";
  $("everybody").textContent = command("everybody");
  $("room").textContent = command(`user:${user}`);
  $("socket").textContent = command(socket.id);
});
socket.on("disconnect", (reason) => ($("status").textContent = `disconnected: ${reason}`));
socket.on("connect_error", (err) => ($("status").textContent = err.message));

socket.on("notification", (text) => {
  const line = document.createElement("li");
  const [words, time] = [document.createElement("span"), document.createElement("time")];
  words.textContent = text;
  time.textContent = new Date().toLocaleTimeString();
  line.append(words, time);
  $("log").prepend(line);
});

// command is what sends a notification from a terminal. A quote in a name must not end that of the shell.
function command(to) {
  const body = JSON.stringify({ to, text: "Your order is on its way" }).replaceAll("'", "\\u0027");
  return `curl ${location.origin}/notify -H 'Authorization: Bearer demo' -d '${body}'`;
}
