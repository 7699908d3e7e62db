// Media Source Extensions around one <video>: fragments in, a playing picture out. It knows no network and no page.
//
// Steps are queued, because a SourceBuffer takes one at a time. Played media is removed after KEEP_S.

const KEEP_S = 10;
const MAX_QUEUE_BYTES = 16 << 20; // a browser that takes nothing for seconds is broken or asleep

// iPhones have only the managed source (iOS 17.1), and Safari recommends it where both exist.
const Source = self.ManagedMediaSource ?? self.MediaSource;

/** Whether this browser can play fragments at all, and those of type `mime` (`video/mp4; codecs="..."`) if given. */
export function canPlay(mime) {
  return Boolean(Source) && (!mime || Source.isTypeSupported(mime));
}

export class MediaBuffer {
  #video;
  #source = new Source();
  #buffer = null;
  #steps = [];
  #waitingBytes = 0;
  #onFault;

  /** `onFault(reason)` is called when this buffer has failed; the caller then makes a new one. */
  constructor(video, onFault) {
    this.#video = video;
    this.#onFault = onFault;
    video.disableRemotePlayback = true; // a managed source opens only then
    video.onerror = () => this.#onFault(video.error?.message || "the decoder failed");
    this.#source.addEventListener("sourceopen", () => this.#next(), { once: true });
    video.src = URL.createObjectURL(this.#source);
  }

  /** Expect media of this type from now on: first an initialization segment; the clock is a new one. */
  begin(mime) {
    this.#enqueue(() => {
      if (this.#buffer) {
        this.#buffer.changeType(mime);
        this.#buffer.remove(0, Infinity); // if the new clock is behind, old pictures would lie ahead of the new ones
      } else {
        this.#source.duration = Infinity;
        this.#buffer = this.#source.addSourceBuffer(mime);
        this.#buffer.onupdateend = () => this.#next();
      }
    });
  }

  append(bytes) {
    this.#waitingBytes += bytes.byteLength;
    if (this.#waitingBytes > MAX_QUEUE_BYTES) {
      this.#onFault("the browser does not accept the video");
      return;
    }
    this.#enqueue(() => {
      this.#waitingBytes -= bytes.byteLength;
      this.#buffer.appendBuffer(bytes);
    });
  }

  /** The newest range of media without a gap, `[start, end]` in seconds of the stream; null while there is none. */
  newest() {
    const ranges = this.#buffer?.buffered;
    return ranges?.length ? [ranges.start(ranges.length - 1), ranges.end(ranges.length - 1)] : null;
  }

  /** Remove media that was played more than KEEP_S ago; to be called regularly. */
  trim() {
    const before = this.#video.currentTime - KEEP_S;
    if (this.#buffer?.buffered.length && this.#buffer.buffered.start(0) < before - KEEP_S) {
      this.#enqueue(() => this.#buffer.remove(0, before));
    }
  }

  close() {
    this.#onFault = () => {};
    this.#steps = [];
    this.#video.onerror = null;
    URL.revokeObjectURL(this.#video.src);
    this.#video.removeAttribute("src");
    this.#video.load();
  }

  #enqueue(step) {
    this.#steps.push(step);
    this.#next();
  }

  #next() {
    try {
      while (this.#steps.length && this.#source.readyState === "open" && !this.#buffer?.updating) this.#steps.shift()();
    } catch (error) {
      this.#onFault(error.message);
    }
  }
}
