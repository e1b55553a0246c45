// The spectrogram of a recording: 16 ms windows, drawn for the part that is shown.

const WINDOW = 256; // samples, 16 ms
const MOST = 6000; // columns that are computed
const LOWEST = -95; // dB below full scale
const HIGHEST = -25;

export function spectrum(samples) {
  const hop = Math.max(WINDOW / 2, Math.ceil(samples.length / MOST));
  const columns = Math.max(0, Math.floor((samples.length - WINDOW) / hop) + 1);
  const bins = WINDOW / 2;
  const values = new Uint8Array(columns * bins);
  const shape = Float32Array.from({ length: WINDOW }, (_, i) => 0.5 - 0.5 * Math.cos((2 * Math.PI * i) / WINDOW));
  const real = new Float32Array(WINDOW);
  const imaginary = new Float32Array(WINDOW);
  for (let column = 0; column < columns; column++) {
    for (let i = 0; i < WINDOW; i++) real[i] = (samples[column * hop + i] / 32768) * shape[i];
    imaginary.fill(0);
    transform(real, imaginary);
    for (let bin = 0; bin < bins; bin++) {
      const power = (real[bin] ** 2 + imaginary[bin] ** 2) / (WINDOW * WINDOW);
      const level = 10 * Math.log10(power + 1e-12);
      values[column * bins + bin] = Math.max(0, Math.min(255, (255 * (level - LOWEST)) / (HIGHEST - LOWEST)));
    }
  }
  return { values, columns, bins, hop };
}

// Radix-2 fast Fourier transform in place (Cooley and Tukey, 1965).
function transform(real, imaginary) {
  const n = real.length;
  for (let i = 1, j = 0; i < n; i++) {
    let bit = n >> 1;
    for (; j & bit; bit >>= 1) j ^= bit;
    j ^= bit;
    if (i < j) [real[i], real[j], imaginary[i], imaginary[j]] = [real[j], real[i], imaginary[j], imaginary[i]];
  }
  for (let size = 2; size <= n; size <<= 1) {
    const angle = (-2 * Math.PI) / size;
    for (let start = 0; start < n; start += size) {
      for (let k = 0; k < size / 2; k++) {
        const c = Math.cos(angle * k), s = Math.sin(angle * k), even = start + k, odd = even + size / 2;
        const a = real[odd] * c - imaginary[odd] * s, b = real[odd] * s + imaginary[odd] * c;
        real[odd] = real[even] - a; imaginary[odd] = imaginary[even] - b;
        real[even] += a; imaginary[even] += b;
      }
    }
  }
}

export function drawSpectrogram(canvas, found, from, span) {
  const width = (canvas.width = Math.max(1, Math.round(canvas.clientWidth || 600)));
  const height = (canvas.height = 128);
  const pen = canvas.getContext("2d");
  if (!found || !found.columns) return;
  const image = pen.createImageData(width, height);
  const dark = matchMedia("(prefers-color-scheme: dark)").matches;
  for (let x = 0; x < width; x++) {
    const column = Math.floor(((from + (x / width) * span) * 16000) / found.hop);
    if (column < 0 || column >= found.columns) continue;
    for (let y = 0; y < height; y++) {
      const value = found.values[column * found.bins + (found.bins - 1 - Math.floor((y * found.bins) / height))];
      const at = 4 * (y * width + x);
      image.data[at] = dark ? value : 255 - value;
      image.data[at + 1] = dark ? value * 0.85 : 255 - value * 0.75;
      image.data[at + 2] = dark ? 60 + value * 0.6 : 255 - value * 0.35;
      image.data[at + 3] = value;
    }
  }
  pen.putImageData(image, 0, 0);
}
