const $ = (id) => document.getElementById(id);

const pointsMax = 60; // in a curve

// /?token=… decides the workspace; the form goes to another one.
const token = new URLSearchParams(location.search).get("token") ?? "north-7f3a";
$("token").elements.token.value = token;

const socket = io({ auth: { token } });

socket.on("connect", () => ($("status").textContent = "live"));
socket.on("disconnect", (reason) => ($("status").textContent = `disconnected: ${reason}`));
socket.on("connect_error", (err) => ($("status").textContent = err.message));
socket.on("viewers", (count) => ($("viewers").textContent = count));

const curves = new Map(); // the last values of each number

socket.on("numbers", ({ workspace, ...numbers }) => {
  $("workspace").textContent = workspace;
  for (const [name, value] of Object.entries(numbers)) {
    const curve = [...(curves.get(name) ?? []), value].slice(-pointsMax);
    curves.set(name, curve);
    $(name).querySelector("output").textContent = value.toLocaleString("en", { maximumFractionDigits: 1 });
    $(name).querySelector("polyline").setAttribute("points", points(curve));
  }
});

// points draws a curve from its least value to its greatest, with the newest one at the right.
function points(curve) {
  const [least, most] = [Math.min(...curve), Math.max(...curve)];
  const x = (i) => 100 - (100 * (curve.length - 1 - i)) / (pointsMax - 1);
  const y = (value) => 28 - (26 * (value - least)) / (most - least || 1);
  return curve.map((value, i) => `${x(i)},${y(value)}`).join(" ");
}
