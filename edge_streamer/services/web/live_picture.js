// The live picture of one stream: fragments over a WebSocket into a MediaBuffer, held near the live edge.
//
// Only the server sends: {"mime"} and then an initialization segment, fragments, once a second {"live_s"}, the decode
// time of the newest frame, and {"waiting": reason} while the source gives none. A browser that cannot play fragments
// shows a snapshot every few seconds instead, and so does one whose decoder refuses what the stream begins with:
// Chromium's starts at an IDR only, and open groups of pictures begin with recovery points. `stream_card.js` shows the state of all this.

import { addressOf } from "./address.js";
import { MediaBuffer, canPlay } from "./media_buffer.js";

const LOOK_EVERY_MS = 250;
// Between the playing picture and the end of the buffer: covers the network's jitter, and the 0.2 s that a fragment
// states as the least duration of its frame.
const AHEAD_S = 0.5;
const HURRY_ABOVE_S = 0.8;
const DAWDLE_BELOW_S = 0.3;
const SEEK_ABOVE_S = 1.5;
const SILENT_AFTER_MS = 6000;
const RETRY_MS = [500, 1000, 2000, 4000, 8000];
const REFUSED_RETRY_MS = 5000; // for the next IDR; each time the server sends what it keeps for a beginner
const STILL_EVERY_MS = 2000;
const LIVE_EDGES = 8; // that many seconds of {"live_s"}: the least delayed of them is believed

export class LivePicture {
  #name;
  #video;
  #image;
  #show;
  #socket = null;
  #buffer = null;
  #looking = 0;
  #timer = 0;
  #failures = 0;
  #heardAt = 0;
  #edges = [];
  #waiting = "";
  #isRefused = false; // the decoder refused what the stream began with; snapshots are shown until it plays
  #stillTimer = 0;

  /** `show(state, detail)`: "idle", "connecting", "live" (seconds behind), "waiting" or "retrying" (why), "stills". */
  constructor(name, video, image, show) {
    this.#name = name;
    this.#video = video;
    this.#image = image;
    this.#show = show;
  }

  get isRunning() {
    return this.#looking !== 0;
  }

  start() {
    if (this.isRunning) return;
    this.#failures = 0;
    this.#looking = setInterval(() => this.#look(), LOOK_EVERY_MS);
    this.#show("connecting");
    if (canPlay()) this.#connect();
    else this.#takeStill();
  }

  /** Disconnect; the last picture stays. */
  stop() {
    clearInterval(this.#looking);
    this.#looking = 0;
    this.#disconnect();
    this.#endStills();
    this.#video.pause();
    this.#show("idle");
  }

  close() {
    this.stop();
    this.#dropBuffer();
  }

  // --- the connection

  #connect() {
    const socket = new WebSocket(addressOf(`api/v1/streams/${this.#name}/live`).replace("http", "ws"));
    socket.binaryType = "arraybuffer";
    socket.onmessage = ({ data }) => {
      this.#heardAt = performance.now();
      if (typeof data === "string") this.#hear(JSON.parse(data));
      else this.#buffer?.append(data);
    };
    socket.onclose = () => this.#retry("No connection to the stream");
    this.#socket = socket;
    this.#heardAt = performance.now();
  }

  #disconnect() {
    clearTimeout(this.#timer);
    if (this.#socket) {
      this.#socket.onclose = this.#socket.onmessage = null;
      this.#socket.close();
    }
    this.#socket = null;
    this.#edges = [];
    this.#waiting = "";
  }

  #retry(reason) {
    this.#disconnect();
    const pause = this.#isRefused ? REFUSED_RETRY_MS : RETRY_MS[Math.min(this.#failures, RETRY_MS.length - 1)];
    this.#failures += 1;
    if (!this.#isRefused) this.#show("retrying", reason);
    this.#timer = setTimeout(() => this.#connect(), pause * (1 + Math.random() / 4));
  }

  /** The buffer has failed: connect again, with a new one. */
  #fail(reason) {
    const hasPicture = this.#video.readyState >= HTMLMediaElement.HAVE_CURRENT_DATA;
    if (!hasPicture && !this.#isRefused) {
      this.#isRefused = true;
      this.#takeStill();
    }
    this.#dropBuffer();
    this.#retry(`The picture stopped (${reason})`);
  }

  #dropBuffer() {
    this.#buffer?.close();
    this.#buffer = null;
  }

  #hear(message) {
    if (message.mime) this.#begin(message.mime);
    if (message.waiting) this.#wait(message.waiting);
    if ("live_s" in message) this.#note(message.live_s);
  }

  #note(liveS) {
    this.#waiting = "";
    this.#edges = [...this.#edges.slice(1 - LIVE_EDGES), liveS - seconds()];
  }

  #begin(mime) {
    this.#failures = 0;
    this.#edges = [];
    this.#waiting = "";
    if (!canPlay(mime)) {
      this.#disconnect();
      this.#takeStill();
      return;
    }
    this.#buffer ??= new MediaBuffer(this.#video, (reason) => this.#fail(reason));
    this.#buffer.begin(mime);
  }

  #wait(reason) {
    this.#waiting = reason;
    this.#show("waiting", reason);
  }

  // --- near the live edge

  #look() {
    if (this.#socket && performance.now() - this.#heardAt > SILENT_AFTER_MS) this.#retry("The server is silent");
    const newest = this.#buffer?.newest();
    if (!newest) return;
    if (this.#isRefused && this.#video.readyState >= HTMLMediaElement.HAVE_CURRENT_DATA) this.#endStills();
    this.#buffer.trim();
    this.#chase(newest);
    if (this.#socket && !this.#waiting && this.#edges.length && !this.#isRefused) this.#show("live", this.#behindS());
  }

  #chase([start, end]) {
    const video = this.#video;
    const ahead = end - video.currentTime;
    const isElsewhere = video.currentTime < start || ahead < -AHEAD_S; // before a gap, or in an earlier source's time
    const isLate = ahead > SEEK_ABOVE_S || (ahead > HURRY_ABOVE_S && this.#behindS() > SEEK_ABOVE_S);
    if (isElsewhere || isLate) video.currentTime = Math.max(start, end - AHEAD_S);
    video.playbackRate = ahead > HURRY_ABOVE_S ? 1.1 : ahead < DAWDLE_BELOW_S ? 0.95 : 1;
    if (video.paused) video.play().catch(() => {}); // refused or interrupted: the next look tries again
  }

  #behindS() {
    return Math.max(0, Math.max(...this.#edges) + seconds() - this.#video.currentTime);
  }

  // --- snapshots instead of a live picture

  #takeStill() {
    const image = this.#image;
    image.onload = () => {
      if (!this.isRunning) return;
      image.hidden = false;
      this.#show("stills");
      this.#takeStillIn(STILL_EVERY_MS);
    };
    image.onerror = () => {
      if (!this.isRunning) return;
      this.#show("retrying", "No snapshot from the stream");
      this.#takeStillIn(2 * STILL_EVERY_MS);
    };
    image.src = addressOf(`api/v1/streams/${this.#name}/snapshot.jpg?${Date.now()}`);
  }

  #takeStillIn(pause) {
    clearTimeout(this.#stillTimer);
    this.#stillTimer = setTimeout(() => this.#takeStill(), pause);
  }

  #endStills() {
    clearTimeout(this.#stillTimer);
    if (!this.#isRefused) return;
    this.#isRefused = false;
    this.#image.onload = this.#image.onerror = null;
    this.#image.hidden = true;
  }
}

function seconds() {
  return performance.now() / 1000;
}
