// Wires the page: microphone, connection, views and history.

import { connect } from "./connection.js";
import { History, percent, showBar, slotItems } from "./history.js";
import { openMicrophone } from "./microphone.js";
import { COLUMNS, Letters, Spectrogram } from "./views.js";

const get = (id) => document.getElementById(id);
const spectrogram = new Spectrogram(get("spectrogram"));
const letters = new Letters(get("letters"));
const past = new History({
  list: get("history"), none: get("none"), template: get("entry"), speaker: get("speaker"), box: get("threshold-box"),
  slider: get("threshold"), value: get("threshold-value"), reset: get("threshold-reset"), text: get("threshold-text"),
});
let microphone = null;
let connection = null;
let heard = 0; // s of sound that the server has heard
let heardAt = 0; // ms, when it said so
let drawnAt = 0; // ms

function status(text, fault = false) {
  get("status").textContent = text;
  get("status").classList.toggle("fault", fault);
}

function showText(text, kind) {
  get("text").textContent = text;
  get("text").className = kind;
}

const messages = {
  level({ time, level }) {
    if (!microphone) return;
    heard = time;
    heardAt = performance.now();
    get("level").value = level;
    get("level-value").textContent = `${level.toFixed(0)} dB`;
  },
  letters: (message) => letters.add(message),
  partial({ text }) {
    showText(text || "…", "partial");
    get("slots").replaceChildren();
  },
  final(message) {
    const refused = message.sentence ? `not accepted; closest: ${message.sentence}` : "not accepted";
    showText(message.accepted ? message.text : refused, message.accepted ? "" : "refused");
    get("slots").replaceChildren(...slotItems(message, "li"));
    showBar(get("confidence"), message.confidence, message.threshold, !message.accepted);
    get("confidence-value").textContent = percent(message.confidence);
    past.add(message);
  },
};

function draw() {
  if (!microphone) return;
  requestAnimationFrame(draw);
  const now = performance.now();
  if (now - drawnAt < 1000 / COLUMNS) return;
  drawnAt = now;
  spectrogram.draw(microphone.analyser, microphone.rate, now / 1000);
  letters.draw(heard + (now - heardAt) / 1000);
}

function stop(text = "Not listening", fault = false) {
  connection?.close();
  microphone?.close();
  microphone = connection = null;
  get("listen").textContent = "Listen";
  get("listen").ariaPressed = "false";
  get("level").value = -75;
  get("level-value").textContent = "– dB";
  status(text, fault);
}

async function start() {
  get("listen").disabled = true;
  try {
    microphone = await openMicrophone((samples) => connection?.send(samples));
    microphone.ended.then(() => microphone && stop("The microphone is gone", true));
    connection = connect({
      message: (message) => messages[message.type]?.(message),
      status(state, text) {
        if (state === "open") letters.clear();
        status(text, state === "lost");
      },
    });
    get("listen").textContent = "Stop";
    get("listen").ariaPressed = "true";
    if (get("text").classList.contains("empty")) showText("Speak a command.", "empty");
    draw();
  } catch (error) {
    stop(error.name === "NotAllowedError" ? "The browser was not allowed to use the microphone" : error.message, true);
  } finally {
    get("listen").disabled = false;
  }
}

matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => {
  spectrogram.takeColours();
  letters.draw(heard + (drawnAt - heardAt) / 1000);
});
get("listen").addEventListener("click", () => (microphone ? stop() : start()));
setInterval(() => past.refresh(), 60000);

const about = await (await fetch("about")).json();
document.title = get("name").textContent = about.name;
showBar(get("confidence"), null, about.threshold, false);
get("sentences").append(...about.sentences.map((sentence) => new Option(sentence, sentence)));
past.setThreshold(about.threshold);
for (const message of await (await fetch("history")).json()) past.add(message);
