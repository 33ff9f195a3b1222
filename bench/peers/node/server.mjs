// The stock Socket.IO server with its default options, and as many of starling roomapp's events as the bench uses.
//
//   node server.mjs 127.0.0.1:18080
import { createServer } from "node:http";
import { Server } from "socket.io";

const [, host, port] = /^(.*):(\d+)$/.exec(process.argv[2] ?? "") ?? [];
if (port === undefined) {
  console.error("usage: node server.mjs HOST:PORT");
  process.exit(2);
}

const server = createServer();
const io = new Server(server);

// The arguments come back: as the acknowledgement if one is wanted, else as an event of the same name.
const echo = (socket) => (...values) => {
  const ack = values.at(-1);
  if (typeof ack === "function") {
    ack(...values.slice(0, -1));
  } else {
    socket.emit("echo", ...values);
  }
};

io.on("connection", (socket) => {
  socket.on("echo", echo(socket));
  socket.on("work", echo(socket));
  socket.on("join", (room, ack) => {
    socket.join(room);
    ack?.("ok");
  });
  socket.on("leave", (room, ack) => {
    socket.leave(room);
    ack?.("ok");
  });
  socket.on("room", (room, ...values) => {
    const ack = typeof values.at(-1) === "function" ? values.pop() : undefined;
    socket.to(room).emit("room", room, ...values);
    ack?.("ok");
  });
  // A socket is alone in the room of its id.
  socket.on("direct", (id, ...values) => {
    const ack = typeof values.at(-1) === "function" ? values.pop() : undefined;
    io.to(id).emit("direct", socket.id, ...values);
    ack?.("ok");
  });
});

server.listen(Number(port), host, () => {
  const at = server.address();
  console.log(`listening on ${at.address}:${at.port}`);
});

// Nobody is waited for: a bench that stops its server has taken its clients away, or means to lose them.
process.on("SIGTERM", () => process.exit(0));
