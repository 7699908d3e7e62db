// The card of one stream: its live picture and the picture's state, its health, and its addresses.

import { LivePicture } from "./live_picture.js";
import { bitrate, copyOf, count, duration, fill, isKnown, latency } from "./text.js";

const FPS_OVER_MS = 10_000;
const LATE_S = 1.5;
const COPIED_FOR_MS = 1500;
const STATES = {
  idle: () => ["", ""],
  connecting: () => ["Connecting", ""],
  live: (behind, isSlate) => ["", isSlate ? "No picture" : `Live, ${behind.toFixed(1)} s behind`],
  waiting: (reason) => [`Waiting for the source: ${reason}`, "Waiting"],
  retrying: (reason) => [`${reason}. Trying again`, "Reconnecting"],
  stills: () => ["", "A picture every 2 s: this browser cannot play the stream"],
};

export class StreamCard {
  #picture;
  #surface;
  #button;
  #isSlate = false; // the video shows a still picture that says why there is none
  #samples = [];
  #wish = null; // the user's choice: true to play, false to pause, null for none yet
  #isFirst = true;

  constructor(name, urls) {
    this.element = copyOf("stream-card");
    this.element.dataset.stream = name;
    this.#surface = this.element.querySelector(".picture");
    this.#button = this.element.querySelector(".play");
    const video = this.element.querySelector("video");
    const image = this.element.querySelector("img");
    video.setAttribute("aria-label", `Live picture of ${name}`);
    image.alt = `Picture of ${name}`;
    fill(this.element, { name });
    this.element.querySelector(".urls").append(...urls.map(urlRow));
    this.#picture = new LivePicture(name, video, image, (state, detail) => this.#showPicture(state, detail));
    this.#button.onclick = () => this.#turn();
    this.#showPicture("idle");
  }

  /** Show the stream's status; `now` is this browser's monotonic time in milliseconds. */
  update(stream, now) {
    if (this.#isFirst && stream.wanted && !prefersStillness()) this.#wish ??= true;
    this.#isFirst = false;
    if (this.#wish && !document.hidden) this.#picture.start();
    this.#isSlate = stream.slate_shown;
    const [state, tone] = stateOf(stream);
    const pill = this.element.querySelector(".body .pill");
    pill.dataset.tone = tone;
    fill(this.element, {
      state,
      reason: stream.up ? "" : stream.reason,
      picture: stream.width ? `${stream.width} × ${stream.height}` : "–",
      fps: stream.up ? this.#measuredFps(stream.frames, now, stream.fps) : "–",
      bitrate: bitrate(stream.bitrate_bps),
      viewers: count(stream.viewers),
      age: isKnown(stream.last_frame_age_s) ? `${age(stream.last_frame_age_s)} ago` : "none yet",
      restarts: count(stream.restarts),
      encoder: stream.encoder || "–",
      "encoder-reason": stream.encoder_reason,
      source: [stream.source, stream.camera].filter(Boolean).join(", "),
    });
  }

  /** Stop the live picture while the page is hidden (`false`); play again when it is visible, if it played before. */
  setVisible(isVisible) {
    this.#samples = [];
    if (isVisible && this.#wish) this.#picture.start();
    if (!isVisible) this.#picture.stop();
  }

  remove() {
    this.#picture.close();
    this.element.remove();
  }

  #turn() {
    this.#wish = !this.#picture.isRunning;
    if (this.#wish) this.#picture.start();
    else this.#picture.stop();
  }

  #showPicture(state, detail) {
    const [message, behind] = STATES[state](detail, this.#isSlate);
    this.#surface.dataset.state = state;
    this.#surface.dataset.late = state === "live" && detail > LATE_S && !this.#isSlate;
    this.#button.setAttribute("aria-label", state === "idle" ? "Play the live picture" : "Pause the live picture");
    fill(this.element, { message, behind });
  }

  /** Return the frame rate measured over the last seconds, of the nominal rate. */
  #measuredFps(frames, now, nominal) {
    this.#samples = [...this.#samples.filter((sample) => now - sample.now < FPS_OVER_MS), { frames, now }];
    const first = this.#samples[0];
    if (now - first.now < 1000 || frames < first.frames) return `… of ${nominal}`;
    return `${(((frames - first.frames) / (now - first.now)) * 1000).toFixed(1)} of ${nominal}`;
  }
}

function stateOf(stream) {
  if (stream.up) return ["Up", "good"];
  return stream.wanted ? ["Down", "bad"] : ["Resting", "quiet"];
}

function age(seconds) {
  return seconds < 10 ? latency(seconds) : duration(seconds);
}

function prefersStillness() {
  return matchMedia("(prefers-reduced-motion: reduce)").matches;
}

function urlRow(url) {
  const row = copyOf("stream-url");
  const [input, button] = row.children;
  input.value = url;
  input.setAttribute("aria-label", "Address for a recorder or player");
  input.onclick = () => input.select();
  button.setAttribute("aria-label", `Copy ${url}`);
  button.onclick = async () => {
    await copy(input);
    button.textContent = "Copied";
    setTimeout(() => (button.textContent = "Copy"), COPIED_FOR_MS);
  };
  return row;
}

/** The clipboard API needs HTTPS, which a camera seldom has; `execCommand` works without. */
async function copy(input) {
  if (isSecureContext) {
    await navigator.clipboard.writeText(input.value);
  } else {
    input.select();
    document.execCommand("copy");
  }
}
