// The peer: runs the same function in an ordinary Node process. It is asked over the IPC channel, one event at a time.
const { handler } = await import(process.argv[2]);

process.on('message', (event) => {
  handler(event).then(
    (answer) => process.send({ answer }),
    (error) => process.send({ error: String(error) }),
  );
});
process.send({ ready: true });
