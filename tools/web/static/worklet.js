// Resamples the microphone to 16 kHz with a windowed sinc, and posts int16 pieces of 50 ms.

const RATE = 16000;
const PIECE = 800; // samples
const CROSSINGS = 12; // zero crossings of the sinc on either side
const PHASES = 256; // places between two samples for which the filter is known

class Resampler extends AudioWorkletProcessor {
  constructor() {
    super();
    this.step = sampleRate / RATE; // input samples for each output sample
    const cutoff = 0.92 * Math.min(1, RATE / sampleRate);
    this.half = Math.ceil(CROSSINGS / cutoff);
    this.kernels = Array.from({ length: PHASES + 1 }, (_, phase) => this.kernel(phase / PHASES, cutoff));
    this.waiting = new Float32Array(2 * this.half + Math.ceil(this.step) + 4096);
    this.count = this.half - 1; // zeros before the first sample
    this.place = this.half - 1; // of the next output sample in what waits
    this.piece = new Int16Array(PIECE);
    this.filled = 0;
  }

  kernel(shift, cutoff) {
    const taps = Float32Array.from({ length: 2 * this.half }, (_, tap) => {
      const x = tap - this.half + 1 - shift;
      const window = Math.abs(x) >= this.half ? 0 : 0.5 + 0.5 * Math.cos((Math.PI * x) / this.half);
      const sinc = x === 0 ? 1 : Math.sin(Math.PI * cutoff * x) / (Math.PI * cutoff * x);
      return window * sinc;
    });
    const sum = taps.reduce((total, tap) => total + tap, 0);
    return taps.map((tap) => tap / sum);
  }

  process(inputs) {
    const channels = inputs[0];
    if (!channels.length) return true;
    const length = channels[0].length;
    for (let i = 0; i < length; i++) {
      let sample = 0;
      for (const channel of channels) sample += channel[i];
      this.waiting[this.count++] = sample / channels.length;
    }
    while (Math.floor(this.place) + this.half < this.count) this.give();
    const used = Math.floor(this.place) - this.half + 1;
    this.waiting.copyWithin(0, used, this.count);
    this.count -= used;
    this.place -= used;
    return true;
  }

  give() {
    const whole = Math.floor(this.place);
    const taps = this.kernels[Math.round((this.place - whole) * PHASES)];
    const first = whole - this.half + 1;
    let sum = 0;
    for (let tap = 0; tap < taps.length; tap++) sum += taps[tap] * this.waiting[first + tap];
    this.piece[this.filled++] = Math.max(-32768, Math.min(32767, Math.round(sum * 32768)));
    this.place += this.step;
    if (this.filled === PIECE) {
      this.port.postMessage(this.piece.slice());
      this.filled = 0;
    }
  }
}

registerProcessor("resampler", Resampler);
