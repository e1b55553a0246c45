// The WebSocket /ws/1. It connects again with growing pauses until it is closed.

const FIRST_PAUSE = 500; // ms
const LONGEST_PAUSE = 15000;
const MOST_BUFFERED = 160000; // bytes, 5 s; what is older is left out rather than sent late

export function connect({ message, status }) {
  let socket = null;
  let pause = FIRST_PAUSE;
  let timer = 0;
  let closed = false;

  function open() {
    const url = new URL("ws/1", location.href);
    url.protocol = url.protocol.replace("http", "ws");
    socket = new WebSocket(url);
    socket.binaryType = "arraybuffer";
    socket.onopen = () => {
      pause = FIRST_PAUSE;
      socket.send(JSON.stringify({ type: "start", level: true, letters: true, history: true }));
      status("open", "Listening");
    };
    socket.onmessage = (event) => message(JSON.parse(event.data));
    socket.onclose = (event) => {
      if (closed) return;
      status("lost", `${event.reason || "No connection"}. Trying again in ${Math.ceil(pause / 1000)} s.`);
      timer = setTimeout(open, pause);
      pause = Math.min(2 * pause, LONGEST_PAUSE);
    };
  }

  open();
  return {
    send(samples) {
      if (socket.readyState === WebSocket.OPEN && socket.bufferedAmount < MOST_BUFFERED) socket.send(samples);
    },
    close() {
      closed = true;
      clearTimeout(timer);
      if (socket.readyState === WebSocket.OPEN) socket.send(JSON.stringify({ type: "stop" }));
      else socket.close();
    },
  };
}
