// Draws the outline of a take: its speech in the accent colour, silence and what is at full scale in others.

export function drawWave(canvas, outline, bounds) {
  const width = (canvas.width = canvas.clientWidth * devicePixelRatio || 600);
  const height = (canvas.height = canvas.clientHeight * devicePixelRatio || 120);
  const context = canvas.getContext("2d");
  const colour = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
  context.clearRect(0, 0, width, height);
  context.fillStyle = colour("--line");
  context.fillRect(0, height / 2, width, 1);
  const step = width / Math.max(1, outline.length);
  const at = (seconds) => (bounds && bounds.seconds ? (seconds / bounds.seconds) * width : 0);
  outline.forEach((value, i) => {
    const x = i * step;
    const speech = !bounds || (x >= at(bounds.start) && x <= at(bounds.end));
    context.fillStyle = value > 0.998 ? colour("--bad") : speech ? colour("--accent") : colour("--faint");
    const size = Math.max(1, value * (height - 4));
    context.fillRect(x, (height - size) / 2, Math.max(1, step - 0.5), size);
  });
}
