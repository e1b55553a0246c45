// The two canvases: a spectrogram of the microphone, and the letters that the network hears.

const SECONDS = 6; // across a canvas
export const COLUMNS = 30; // of the spectrogram, a second
const TOP = 8000; // Hz

function ink(name) {
  return getComputedStyle(document.documentElement).getPropertyValue(name).trim();
}

function fit(canvas) {
  const ratio = devicePixelRatio || 1;
  const width = Math.round(canvas.clientWidth * ratio);
  const height = Math.round(canvas.clientHeight * ratio);
  if (canvas.width !== width || canvas.height !== height) {
    canvas.width = width;
    canvas.height = height;
  }
  return ratio;
}

// From the ground through the accent to white or black, by a value of 0 to 255.
function palette() {
  const canvas = new OffscreenCanvas(256, 1);
  const context = canvas.getContext("2d");
  const gradient = context.createLinearGradient(0, 0, 256, 0);
  gradient.addColorStop(0, ink("--view"));
  gradient.addColorStop(0.55, ink("--accent"));
  gradient.addColorStop(1, ink("--ink"));
  context.fillStyle = gradient;
  context.fillRect(0, 0, 256, 1);
  return context.getImageData(0, 0, 256, 1).data;
}

// It draws only what is new: a phone has other things to compute.
export class Spectrogram {
  constructor(canvas) {
    canvas.width = SECONDS * COLUMNS;
    canvas.height = 128;
    this.canvas = canvas;
    this.context = canvas.getContext("2d");
    this.drawn = 0; // columns since the page began
    this.takeColours();
  }

  takeColours() {
    this.colours = palette();
    this.context.clearRect(0, 0, this.canvas.width, this.canvas.height);
  }

  draw(analyser, rate, now) {
    const { width, height } = this.canvas;
    const due = Math.min(Math.floor(now * COLUMNS) - this.drawn, width);
    if (due <= 0) return;
    this.drawn = Math.floor(now * COLUMNS);
    const bins = new Uint8Array(analyser.frequencyBinCount);
    analyser.getByteFrequencyData(bins);
    const shown = Math.min(bins.length, (TOP / (rate / 2)) * bins.length);
    const column = this.context.createImageData(1, height);
    for (let y = 0; y < height; y++) {
      const value = bins[Math.floor(((height - 1 - y) / height) * shown)];
      column.data.set(this.colours.subarray(4 * value, 4 * value + 4), 4 * y);
    }
    this.context.globalCompositeOperation = "copy";
    this.context.drawImage(this.canvas, -due, 0);
    this.context.globalCompositeOperation = "source-over";
    for (let x = width - due; x < width; x++) this.context.putImageData(column, x, 0);
  }
}

export class Letters {
  constructor(canvas) {
    this.canvas = canvas;
    this.frames = new Map(); // by number of the frame, [letter, per cent, ...]
    this.step = 0.02;
  }

  add(message) {
    this.step = message.step;
    const first = Math.round(message.start / message.step);
    message.frames.forEach((frame, i) => this.frames.set(first + i, frame));
    for (const number of this.frames.keys()) if (number < first - SECONDS / this.step) this.frames.delete(number);
  }

  clear() {
    this.frames.clear();
  }

  draw(now) {
    const ratio = fit(this.canvas);
    const { width, height } = this.canvas;
    const context = this.canvas.getContext("2d");
    context.clearRect(0, 0, width, height);
    const frame = (width * this.step) / SECONDS;
    const colour = ink("--accent");
    const runs = new Map(); // by letter, where it is being written
    context.fillStyle = colour;
    const top = 36 * ratio;
    const numbers = [...this.frames.keys()].sort((a, b) => a - b);
    const marks = [];
    for (const number of numbers) {
      const x = width - (now - number * this.step) * (width / SECONDS);
      if (x + frame < 0) continue;
      const parts = this.frames.get(number);
      let bottom = height;
      for (let i = 0; i < parts.length; i += 2) {
        const tall = ((height - top) * parts[i + 1]) / 100;
        context.globalAlpha = i === 0 ? 0.75 : 0.35;
        context.fillRect(x, bottom - tall, Math.max(1, frame - 0.5), tall);
        bottom -= tall;
      }
      if (!parts.length || parts[1] < 30 || parts[0] === " ") {
        runs.clear();
        continue;
      }
      const run = runs.get(parts[0]);
      if (run) {
        if (parts[1] > run.height) Object.assign(run, { x, height: parts[1] });
        continue;
      }
      runs.clear();
      const mark = { letter: parts[0], x, height: parts[1] };
      runs.set(parts[0], mark);
      marks.push(mark);
    }
    context.globalAlpha = 1;
    context.fillStyle = ink("--ink");
    context.font = `${14 * ratio}px system-ui, sans-serif`;
    context.textAlign = "center";
    const ends = [-Infinity, -Infinity]; // of the last letter in either line
    for (const { letter, x } of marks) {
      const line = x - ends[0] >= 10 * ratio ? 0 : x - ends[1] >= 10 * ratio ? 1 : -1;
      if (line < 0) continue;
      ends[line] = x;
      context.fillText(letter, x + frame / 2, (14 + 15 * line) * ratio);
    }
  }
}
