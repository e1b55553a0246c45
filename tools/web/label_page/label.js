// The labeller: a long recording with its proposed takes, to accept or to drop, and marks where words end.

import { drawSpectrogram, spectrum } from "./spectrogram.js";

const RATE = 16000;
const NARROWEST = 0.2; // s that the view shows at least

const $ = (id) => document.getElementById(id);
const state = { file: "", samples: new Int16Array(0), seconds: 0, from: 0, span: 1, selection: null, takes: [], marks: [], current: -1 };
let context = null;
let playing = null;
let spectra = null;

function say(text, fault = false) {
  $("status").textContent = text;
  $("status").classList.toggle("fault", fault);
}

async function ask(path, values = {}, options = {}) {
  const answer = await fetch(`${path}?${new URLSearchParams(values)}`, options);
  if (!answer.ok) throw new Error((await answer.text()).trim());
  return answer;
}

function post(path, body) {
  const options = { method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(body) };
  return ask(path, { file: state.file }, options);
}

const attempt = (work) => async (...given) => {
  try {
    return await work(...given);
  } catch (error) {
    say(error.message || "The server does not answer", true);
    return undefined;
  }
};

const loadList = attempt(async () => {
  const found = await (await ask("label/recordings")).json();
  $("name").textContent = found.workspace;
  document.title = `${found.workspace} · label`;
  $("file").replaceChildren(...found.recordings.map((one) => new Option(`${one.file} (${Math.ceil(one.bytes / 1024)} kB)`, one.file)));
  $("sentences").replaceChildren(...found.sentences.map((text) => Object.assign(document.createElement("option"), { value: text })));
  if (found.recordings.length) await open(found.recordings[0].file);
  else say("There are no recordings yet");
});

const open = attempt(async (file) => {
  stop();
  say("Loading");
  state.file = file;
  const [sound, found] = await Promise.all([ask("label/sound", { file }), ask("label/takes", { file })]);
  const data = await sound.arrayBuffer();
  state.samples = new Int16Array(data.slice(44, data.byteLength - (data.byteLength % 2)));
  const { seconds, takes, marks } = await found.json();
  Object.assign(state, { seconds, marks, from: 0, span: seconds || 1, selection: null });
  state.takes = takes.map(([start, end]) => ({ start, end, status: "" }));
  state.current = state.takes.length ? 0 : -1;
  spectra = spectrum(state.samples);
  say(`${seconds.toFixed(1)} s, ${takes.length} takes`);
  show();
});

function show() {
  state.span = Math.min(Math.max(state.span, Math.min(NARROWEST, state.seconds)), state.seconds || 1);
  state.from = Math.min(Math.max(0, state.from), Math.max(0, state.seconds - state.span));
  $("scroll").max = Math.max(0.001, state.seconds - state.span);
  $("scroll").value = state.from;
  $("selection").textContent = state.selection ? `${state.selection[0].toFixed(2)} to ${state.selection[1].toFixed(2)} s` : "";
  $("add").disabled = !state.selection;
  drawWave();
  drawSpectrogram($("spectrogram"), spectra, state.from, state.span);
  showTakes();
  showMarks();
}

function drawWave() {
  const canvas = $("wave");
  const width = (canvas.width = canvas.clientWidth * devicePixelRatio || 600);
  const height = (canvas.height = 110 * devicePixelRatio);
  const pen = canvas.getContext("2d");
  const colour = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
  const at = (seconds) => ((seconds - state.from) / state.span) * width;
  pen.clearRect(0, 0, width, height);
  state.takes.forEach((take, i) => {
    if (take.status === "dropped") return;
    pen.globalAlpha = i === state.current ? 0.35 : 0.15;
    pen.fillStyle = take.status === "accepted" ? colour("--good") : colour("--accent");
    pen.fillRect(at(take.start), 0, at(take.end) - at(take.start), height);
  });
  if (state.selection) {
    pen.globalAlpha = 0.3;
    pen.fillStyle = colour("--ink");
    pen.fillRect(at(state.selection[0]), 0, at(state.selection[1]) - at(state.selection[0]), height);
  }
  pen.globalAlpha = 1;
  pen.fillStyle = colour("--accent");
  const first = Math.floor(state.from * RATE);
  const each = (state.span * RATE) / width;
  for (let x = 0; x < width; x++) {
    let most = 0;
    const end = Math.min(state.samples.length, Math.ceil(first + (x + 1) * each));
    const step = Math.max(1, Math.floor(each / 60));
    for (let i = Math.floor(first + x * each); i < end; i += step) most = Math.max(most, Math.abs(state.samples[i]));
    const size = Math.max(1, (most / 32768) * height);
    pen.fillRect(x, (height - size) / 2, 1, size);
  }
  pen.fillStyle = colour("--bad");
  for (const [start, end] of state.marks) {
    pen.fillRect(at(end) - 1, 0, 2, height);
    if (start !== end) pen.fillRect(at(start), height - 4, at(end) - at(start), 4);
  }
}

function button(text, action) {
  const made = Object.assign(document.createElement("button"), { type: "button", textContent: text });
  made.addEventListener("click", action);
  return made;
}

function span(text, name) {
  return Object.assign(document.createElement("span"), { textContent: text, className: name });
}

function showTakes() {
  $("no-takes").hidden = state.takes.length > 0;
  $("takes").replaceChildren(...state.takes.map((take, i) => {
    const item = document.createElement("li");
    item.setAttribute("aria-current", String(i === state.current));
    item.classList.toggle("dropped", take.status === "dropped");
    item.append(span(`${i + 1}. ${take.start.toFixed(2)} to ${take.end.toFixed(2)} s`, "time"));
    if (take.status === "accepted") item.append(span(take.sentence, "done"));
    else if (take.status) item.append(button("Take back", () => drop(i)));
    else item.append(button("Play", () => play(take.start, take.end)), button("Accept", () => accept(i)), button("Drop", () => drop(i)));
    item.addEventListener("click", (event) => {
      if (event.target.tagName !== "BUTTON") select(i);
    });
    return item;
  }));
}

function showMarks() {
  $("marks").replaceChildren(...state.marks.map(([start, end, text], i) => {
    const item = document.createElement("li");
    item.append(span(`${start === end ? "" : `${start.toFixed(2)} to `}${end.toFixed(2)} s ${text}`, "time"));
    item.append(button("Remove", () => setMarks(state.marks.filter((_, other) => other !== i))));
    return item;
  }));
}

function select(i) {
  if (!state.takes.length) return;
  state.current = Math.min(Math.max(0, i), state.takes.length - 1);
  const take = state.takes[state.current];
  if (take.start < state.from || take.end > state.from + state.span) state.from = take.start - state.span / 4;
  show();
}

const accept = attempt(async (i) => {
  const take = state.takes[i];
  if (!take || take.status === "accepted") return;
  const sentence = $("said").value.trim();
  if (!sentence) { say("Type the sentence of the take first", true); $("said").focus(); return; }
  const filed = await (await post("label/accept", { start: take.start, end: take.end, sentence, speaker: $("speaker").value })).json();
  Object.assign(take, { status: "accepted", sentence });
  say(`Filed as ${filed.file}`);
  select(i + 1);
});

function drop(i) {
  const take = state.takes[i];
  if (!take || take.status === "accepted") return;
  take.status = take.status ? "" : "dropped";
  select(i + 1);
}

const setMarks = attempt(async (marks) => {
  const sorted = [...marks].sort((one, other) => one[0] - other[0]);
  await post("label/marks", { marks: sorted });
  state.marks = sorted;
  say(`${sorted.length} marks saved`);
  show();
});

function mark() {
  const place = state.selection ? state.selection[1] : playing ? playing.from + context.currentTime - playing.began : null;
  if (place === null) { say("Select up to the end of the word, or press M while it plays", true); return; }
  const start = state.selection ? state.selection[0] : place;
  setMarks([...state.marks, [start, Math.min(place, state.seconds), $("label").value.trim()]]);
}

function stop() {
  if (!playing) return;
  playing.source.onended = null;
  playing.source.stop();
  playing = null;
}

function play(from, to) {
  stop();
  context ||= new AudioContext();
  context.resume();
  const part = state.samples.subarray(Math.floor(from * RATE), Math.ceil(to * RATE));
  if (!part.length) return;
  const buffer = context.createBuffer(1, part.length, RATE);
  buffer.copyToChannel(Float32Array.from(part, (sample) => sample / 32768), 0);
  const source = new AudioBufferSourceNode(context, { buffer });
  source.connect(context.destination);
  source.onended = () => { playing = null; };
  source.start();
  playing = { source, from, began: context.currentTime };
}

function playOrStop() {
  if (playing) { stop(); return; }
  const take = state.takes[state.current];
  if (state.selection) play(...state.selection);
  else if (take) play(take.start, take.end);
  else play(state.from, state.from + state.span);
}

function zoom(factor) {
  const middle = state.selection ? (state.selection[0] + state.selection[1]) / 2 : state.from + state.span / 2;
  state.span *= factor;
  state.from = middle - Math.min(state.span, state.seconds) / 2;
  show();
}

function placeOf(event) {
  const box = $("wave").getBoundingClientRect();
  const share = Math.min(Math.max(0, (event.clientX - box.left) / box.width), 1);
  return state.from + share * state.span;
}

let anchor = null;
$("views").addEventListener("pointerdown", (event) => {
  anchor = placeOf(event);
  $("views").setPointerCapture(event.pointerId);
});
$("views").addEventListener("pointermove", (event) => {
  if (anchor === null) return;
  const here = placeOf(event);
  state.selection = Math.abs(here - anchor) * 400 > state.span ? [Math.min(anchor, here), Math.max(anchor, here)] : null;
  show();
});
$("views").addEventListener("pointerup", (event) => {
  const here = placeOf(event);
  anchor = null;
  if (state.selection) return;
  const found = state.takes.findIndex((take) => take.start <= here && here <= take.end);
  if (found >= 0) select(found);
});

$("file").addEventListener("change", () => open($("file").value));
$("scroll").addEventListener("input", () => { state.from = Number($("scroll").value); show(); });
$("play").addEventListener("click", playOrStop);
$("in").addEventListener("click", () => zoom(0.5));
$("out").addEventListener("click", () => zoom(2));
$("mark").addEventListener("click", mark);
$("add").addEventListener("click", () => {
  state.takes.push({ start: state.selection[0], end: state.selection[1], status: "" });
  state.takes.sort((one, other) => one.start - other.start);
  state.current = state.takes.findIndex((take) => take.start === state.selection[0]);
  state.selection = null;
  show();
});
$("export").addEventListener("click", attempt(async () => {
  const text = await (await ask("label/audacity", { file: state.file })).blob();
  const link = Object.assign(document.createElement("a"), { href: URL.createObjectURL(text), download: "labels.txt" });
  link.click();
  URL.revokeObjectURL(link.href);
}));
$("import").addEventListener("change", attempt(async () => {
  const [file] = $("import").files;
  if (!file) return;
  const options = { method: "POST", headers: { "Content-Type": "text/plain" }, body: file };
  const { marks } = await (await ask("label/audacity", { file: state.file }, options)).json();
  await open(state.file);
  say(`${marks} marks read`);
}));
document.addEventListener("keydown", (event) => {
  if (["INPUT", "SELECT"].includes(event.target.tagName) || event.ctrlKey || event.metaKey || event.altKey) return;
  const actions = {
    " ": playOrStop, "+": () => zoom(0.5), "=": () => zoom(0.5), "-": () => zoom(2), m: mark,
    a: () => accept(state.current), d: () => drop(state.current),
    ArrowRight: () => select(state.current + 1), ArrowLeft: () => select(state.current - 1),
    ArrowDown: () => select(state.current + 1), ArrowUp: () => select(state.current - 1),
  };
  const action = actions[event.key.length > 1 ? event.key : event.key.toLowerCase()];
  if (!action) return;
  event.preventDefault();
  action();
});
addEventListener("resize", show);
$("speaker").value = localStorage.getItem("asr.speaker") || "";
loadList();
