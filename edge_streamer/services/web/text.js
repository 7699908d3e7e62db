// Formats numbers, with a dash for unknown values, and writes texts into copies of the page's templates.

const DASH = "–";
const MINUTE = 60;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;

export function isKnown(value) {
  return value !== null && value !== undefined && Number.isFinite(value);
}

/** A latency: "850 µs", "12 ms", "1.3 s". */
export function latency(seconds) {
  if (!isKnown(seconds)) return DASH;
  if (seconds < 0.001) return `${Math.round(seconds * 1e6)} µs`;
  if (seconds < 1) return `${Math.round(seconds * 1000)} ms`;
  return `${seconds.toFixed(1)} s`;
}

/** A duration in its two largest units: "42 s", "3 min 20 s", "2 h 5 min", "12 d 3 h". */
export function duration(seconds) {
  if (!isKnown(seconds)) return DASH;
  const whole = Math.max(0, Math.floor(seconds));
  if (whole < MINUTE) return `${whole} s`;
  if (whole < HOUR) return `${Math.floor(whole / MINUTE)} min ${whole % MINUTE} s`;
  if (whole < DAY) return `${Math.floor(whole / HOUR)} h ${Math.floor((whole % HOUR) / MINUTE)} min`;
  return `${Math.floor(whole / DAY)} d ${Math.floor((whole % DAY) / HOUR)} h`;
}

/** "400 kbit/s", "2 Mbit/s", "2.5 Mbit/s"; 0 means that no encoder was given a rate (a file, for example). */
export function bitrate(bitsPerSecond) {
  if (!isKnown(bitsPerSecond) || bitsPerSecond === 0) return "as encoded";
  if (bitsPerSecond < 1e6) return `${Math.round(bitsPerSecond / 1000)} kbit/s`;
  return `${Number((bitsPerSecond / 1e6).toFixed(1))} Mbit/s`;
}

/** "0 %", "0.4 %", "12 %". */
export function percent(ratio) {
  if (!isKnown(ratio)) return DASH;
  const value = ratio * 100;
  return `${value === 0 || value >= 10 ? Math.round(value) : value.toFixed(1)} %`;
}

/** A count with thin separators: "12 345". */
export function count(number) {
  return isKnown(number) ? String(number).replace(/\B(?=(\d{3})+$)/g, "\u202f") : DASH;
}

/** Write texts into the fields of an element, by their `data-field`; unchanged fields are not touched. */
export function fill(element, texts) {
  for (const [name, text] of Object.entries(texts)) {
    const field = element.querySelector(`[data-field="${name}"]`);
    if (field.textContent !== text) field.textContent = text;
  }
}

/** Return a new copy of the first element in the template with this id. */
export function copyOf(id) {
  return document.getElementById(id).content.firstElementChild.cloneNode(true);
}
