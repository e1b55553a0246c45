// The recorder: one sentence at a time. A take is the page's until it is kept; the server files what is kept.

import { openMicrophone } from "./microphone.js";
import { drawWave } from "./wave.js";

const RATE = 16000;
const BEFORE = 0.3; // s kept from before the key, so that a quick start is whole
const AFTER = 200; // ms recorded after the second key
const LONGEST = 14; // s
const RETRIES = [500, 1000, 2000, 4000, 8000, 15000]; // ms

const $ = (id) => document.getElementById(id);
let microphone = null;
let ring = []; // pieces of the last moments, while nothing is recorded
let pieces = null; // of the take that is being recorded
let take = null; // { samples, sentence, quality, number, url }
let prompts = [];
let place = 0;
let recorded = 0;
let needed = 0;
let busy = false;

function say(text, fault = false) {
  $("status").textContent = text;
  $("status").classList.toggle("fault", fault);
}

function wav(samples) {
  const view = new DataView(new ArrayBuffer(44 + 2 * samples.length));
  const text = (at, value) => [...value].forEach((letter, i) => view.setUint8(at + i, letter.charCodeAt(0)));
  text(0, "RIFF"); view.setUint32(4, 36 + 2 * samples.length, true); text(8, "WAVEfmt ");
  view.setUint32(16, 16, true); view.setUint16(20, 1, true); view.setUint16(22, 1, true);
  view.setUint32(24, RATE, true); view.setUint32(28, 2 * RATE, true);
  view.setUint16(32, 2, true); view.setUint16(34, 16, true);
  text(36, "data"); view.setUint32(40, 2 * samples.length, true);
  samples.forEach((sample, i) => view.setInt16(44 + 2 * i, sample, true));
  return new Blob([view.buffer], { type: "audio/wav" });
}

async function send(path, values, samples) {
  const answer = await fetch(`${path}?${new URLSearchParams(values)}`, {
    method: "POST", headers: { "Content-Type": "audio/wav" }, body: wav(samples),
  });
  if (!answer.ok) throw Object.assign(new Error((await answer.text()).trim()), { status: answer.status });
  return answer.json();
}

async function loadPlan() {
  try {
    const answer = await fetch(`plan?${new URLSearchParams({ speaker: $("speaker").value })}`);
    if (!answer.ok) throw new Error((await answer.text()).trim());
    const plan = await answer.json();
    document.title = `${plan.workspace} · asr record`;
    $("name").textContent = plan.workspace;
    ({ prompts, recorded, needed } = plan);
    place = 0;
    say(microphone ? "Ready" : "Press Record; the browser asks for the microphone");
    show();
  } catch (error) {
    say(error.message || "The server does not answer", true);
  }
}

function prompt() {
  return prompts.length ? prompts[place % prompts.length] : null;
}

function show() {
  const one = prompt();
  $("sentence").textContent = one ? one.sentence : "All done. Thank you!";
  $("why").textContent = !one ? "" : one.missed ? "The last report got this one wrong." : one.wanted > 1 ? `${one.wanted} takes of this one are missing.` : "";
  $("count").textContent = `${recorded} of ${needed}`;
  $("progress").max = Math.max(1, needed);
  $("progress").value = recorded;
  const has = take !== null;
  for (const name of ["keep", "play", "again"]) $(name).disabled = !has || busy;
  $("keep").disabled = !has || busy || !take.quality || !take.quality.usable;
  $("record").disabled = (!one && !has) || busy;
  $("record").setAttribute("aria-pressed", String(pieces !== null));
  $("record").firstChild.textContent = pieces ? "Stop " : "Record ";
  $("skip").disabled = !one || pieces !== null || busy;
}

function showQuality() {
  const list = $("warnings");
  list.replaceChildren();
  list.classList.toggle("good", Boolean(take && take.quality && !take.quality.warnings.length));
  if (!take || !take.quality) return;
  const texts = take.quality.warnings.length ? take.quality.warnings : ["Good take. Press Enter to keep it."];
  list.append(...texts.map((text) => Object.assign(document.createElement("li"), { textContent: text })));
}

function hear(piece) {
  const most = piece.reduce((value, sample) => Math.max(value, Math.abs(sample)), 1);
  const level = 20 * Math.log10(most / 32768);
  $("level").value = level;
  $("level-value").textContent = `${level.toFixed(0)} dB`;
  if (!pieces) {
    ring.push(piece);
    while (ring.length * piece.length > BEFORE * RATE) ring.shift();
    return;
  }
  pieces.push(piece);
  const length = pieces.length * piece.length;
  if (pieces.length % 2 === 0) drawWave($("wave"), pieces.map((one) => Math.max(...one.map(Math.abs)) / 32768), null);
  if (length > LONGEST * RATE) stop();
}

async function open() {
  if (microphone) return true;
  try {
    microphone = await openMicrophone(hear);
    microphone.ended.then(() => {
      microphone = null;
      say("The microphone is gone. Press Record to try again.", true);
    });
    return true;
  } catch (error) {
    say(error.message, true);
    return false;
  }
}

async function toggle() {
  if (busy) return;
  if (pieces) { setTimeout(stop, AFTER); return; }
  if (!prompt() || !(await open())) return;
  discard();
  pieces = [...ring];
  say("Recording");
  show();
}

async function stop() {
  if (!pieces) return;
  const samples = Int16Array.from({ length: pieces.reduce((sum, one) => sum + one.length, 0) });
  let at = 0;
  for (const piece of pieces) { samples.set(piece, at); at += piece.length; }
  pieces = null;
  ring = [];
  const number = `${Date.now()}${String(Math.floor(Math.random() * 10000)).padStart(4, "0")}`;
  take = { samples, sentence: prompt().sentence, quality: null, number, url: URL.createObjectURL(wav(samples)) };
  busy = true;
  show();
  try {
    take.quality = await send("measure", { sentence: take.sentence }, samples);
    say("Keep it, or record again");
  } catch (error) {
    say(`The take could not be measured: ${error.message || "the server does not answer"}. Press Keep to send it anyway.`, true);
    take.quality = { warnings: [], usable: true, outline: [], seconds: samples.length / RATE, start: 0, end: samples.length / RATE };
  }
  busy = false;
  drawWave($("wave"), take.quality.outline, take.quality);
  showQuality();
  show();
}

async function keep() {
  if (!take || busy || pieces) return;
  busy = true;
  show();
  const one = take;
  const values = { sentence: one.sentence, speaker: $("speaker").value, number: one.number };
  for (let attempt = 0; ; attempt++) {
    try {
      const filed = await send("takes", values, one.samples);
      kept(one, filed);
      break;
    } catch (error) {
      // Refused takes are not sent again; a server that is away is waited for, and the take stays here meanwhile.
      if (error.status && error.status !== 503) { say(error.message, true); break; }
      const pause = RETRIES[Math.min(attempt, RETRIES.length - 1)];
      say(`The server does not answer; the take is kept here and sent again in ${pause / 1000} s.`, true);
      await new Promise((done) => setTimeout(done, pause));
    }
  }
  busy = false;
  show();
}

function kept(one, filed) {
  const item = document.createElement("li");
  item.append(one.sentence, " ", Object.assign(document.createElement("small"), { textContent: `${filed.seconds.toFixed(1)} s`, title: filed.file }));
  item.dataset.samples = filed.samples;
  $("kept").prepend(item);
  $("none").hidden = true;
  recorded = Math.min(needed, recorded + 1);
  const asked = prompts.find((entry) => entry.sentence === one.sentence);
  if (asked && --asked.wanted <= 0) {
    const index = prompts.indexOf(asked);
    prompts.splice(index, 1);
    place = prompts.length ? index % prompts.length : 0;
  } else place += 1;
  discard();
  say("Kept");
}

function discard() {
  if (take) URL.revokeObjectURL(take.url);
  take = null;
  drawWave($("wave"), [], null);
  showQuality();
  show();
}

function play() {
  if (take) new Audio(take.url).play();
}

function skip() {
  if (!prompts.length || pieces || busy) return;
  place += 1;
  discard();
}

$("record").addEventListener("click", toggle);
$("keep").addEventListener("click", keep);
$("play").addEventListener("click", play);
$("again").addEventListener("click", discard);
$("skip").addEventListener("click", skip);
$("speaker").addEventListener("change", () => {
  localStorage.setItem("asr.speaker", $("speaker").value);
  loadPlan();
});
document.addEventListener("keydown", (event) => {
  if (event.target.tagName === "INPUT" || event.ctrlKey || event.metaKey || event.altKey || event.repeat) return;
  const action = { " ": toggle, Enter: keep, p: play, d: discard, s: skip }[event.key.length > 1 ? event.key : event.key.toLowerCase()];
  if (!action) return;
  event.preventDefault();
  action();
});
addEventListener("beforeunload", (event) => {
  if (take || pieces) event.preventDefault();
});

$("speaker").value = localStorage.getItem("asr.speaker") || "";
drawWave($("wave"), [], null);
loadPlan();
