// artillery fills in no templates where a socket's subprotocols are named.
exports.asPlayer = (socket, _, done) => {
  socket.target = `${socket.target.replace(/^http/, "ws")}/ws/`;
  socket.subprotocols = ["rallypoint.v1", `bearer.${process.env.TOKEN}`];
  done();
};
