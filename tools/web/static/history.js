// The last hour: playback, corrections, and what another threshold would accept.

const KEPT = 3600; // s, as the server keeps them

export function percent(value) {
  return value === null || value === undefined ? "–" : `${(100 * value).toFixed(1)} %`;
}

export function showBar(bar, confidence, threshold, refused) {
  bar.querySelector("i").style.width = `${100 * (confidence ?? 0)}%`;
  bar.querySelector("b").style.left = `${100 * (threshold ?? 0)}%`;
  bar.querySelector("b").hidden = threshold === null;
  bar.classList.toggle("refused", refused);
  bar.ariaLabel = `confidence ${percent(confidence)}, threshold ${percent(threshold)}`;
}

export function slotItems(message, tag) {
  const parts = message.intent ? [["intent", message.intent]] : [];
  for (const [name, value] of Object.entries(message.slots ?? {})) parts.push(["slot", `${name}: ${value}`]);
  return parts.map(([kind, text]) => Object.assign(document.createElement(tag), { className: kind, textContent: text }));
}

export class History {
  constructor(page) {
    this.page = page;
    this.entries = new Map(); // by id
    this.threshold = null; // of the verifier
    this.tried = null; // of the slider
    page.slider.addEventListener("input", () => this.tryThreshold(Number(page.slider.value)));
    page.reset.addEventListener("click", () => this.tryThreshold(this.threshold));
    page.speaker.value = localStorage.getItem("speaker") ?? "";
    page.speaker.addEventListener("change", () => localStorage.setItem("speaker", page.speaker.value.trim()));
  }

  setThreshold(threshold) {
    this.threshold = threshold;
    this.page.box.hidden = threshold === null;
    this.tryThreshold(threshold);
  }

  tryThreshold(threshold) {
    this.tried = threshold;
    this.page.slider.value = threshold ?? 0;
    this.page.value.textContent = percent(threshold);
    this.refresh();
  }

  add(message) {
    if (this.entries.has(message.id)) return;
    const item = this.page.template.content.firstElementChild.cloneNode(true);
    this.entries.set(message.id, { message, item });
    item.querySelector("time").textContent = new Date(1000 * message.time).toLocaleTimeString();
    item.querySelector("audio").src = `history/${message.id}.wav`;
    item.querySelector(".what strong").textContent = message.accepted
      ? message.text
      : message.sentence ? `refused; closest: ${message.sentence}` : "refused";
    item.querySelector(".what .slots").append(...slotItems(message, "span"));
    item.querySelector(".confidence output").textContent = percent(message.confidence);
    this.wire(message, item);
    if (message.filed !== null) this.showFiled(item, message.filed);
    this.page.list.prepend(item);
    this.refresh();
  }

  wire(message, item) {
    const form = item.querySelector("form");
    const said = item.querySelector(".said");
    const wrong = item.querySelector(".wrong");
    const open = (visible) => {
      form.hidden = !visible;
      wrong.ariaExpanded = String(visible);
      (visible ? said : wrong).focus();
    };
    item.querySelector(".right").hidden = !message.sentence;
    item.querySelector(".right").textContent = message.accepted ? "Right" : "It was that";
    item.querySelector(".right").addEventListener("click", () => this.file(message, item, {}));
    wrong.addEventListener("click", () => open(form.hidden));
    item.querySelector(".cancel").addEventListener("click", () => open(false));
    form.addEventListener("keydown", (event) => event.key === "Escape" && open(false));
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      this.file(message, item, { sentence: said.value });
    });
    item.querySelector(".other").addEventListener("click", () => {
      this.file(message, item, { other: true, transcript: said.value });
    });
  }

  async file(message, item, correction) {
    const buttons = item.querySelectorAll("button");
    const fault = item.querySelector(".fault");
    fault.textContent = "";
    buttons.forEach((button) => (button.disabled = true));
    try {
      const answer = await fetch(`history/${message.id}`, {
        method: "POST",
        headers: { "content-type": "application/json" },
        body: JSON.stringify({ ...correction, speaker: this.page.speaker.value.trim() }),
      });
      if (!answer.ok) throw new Error((await answer.text()).trim());
      message.filed = (await answer.json()).filed;
      this.showFiled(item, message.filed);
      item.querySelector(".filed").focus(); // the pressed button has gone
    } catch (error) {
      item.querySelector("form").hidden = false;
      fault.textContent = error.message;
    } finally {
      buttons.forEach((button) => (button.disabled = false));
    }
  }

  showFiled(item, filed) {
    item.querySelectorAll("form, .right, .wrong").forEach((part) => (part.hidden = true));
    item.querySelector(".filed").textContent = filed ? `Filed: ${filed}` : "Filed as other speech";
  }

  refresh() {
    const since = Date.now() / 1000 - KEPT;
    let now = 0, then = 0;
    for (const [id, { message, item }] of this.entries) {
      if (message.time < since) {
        item.remove();
        this.entries.delete(id);
        continue;
      }
      const accepted = message.sentence !== "" && (this.tried === null || (message.confidence ?? 1) >= this.tried);
      now += message.accepted;
      then += accepted;
      item.classList.toggle("refused", !accepted);
      showBar(item.querySelector(".bar"), message.confidence, this.tried, !accepted);
    }
    this.page.none.hidden = this.entries.size > 0;
    const count = `${this.entries.size} utterance${this.entries.size === 1 ? "" : "s"}`;
    this.page.text.textContent = this.tried === this.threshold
      ? `${now} of ${count} accepted. Move the slider to see what another threshold would have accepted.`
      : `${then} of ${count} would have been accepted, instead of ${now}. Nothing is saved: set ` +
        "rejection.false_accepts_per_hour in asr.toml and run asr evaluate.";
  }
}
