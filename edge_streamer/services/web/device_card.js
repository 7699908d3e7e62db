// The section of the device: what it is, what the settings on its card did, and notices of what a person has to do.

import { copyOf, duration, fill, isKnown } from "./text.js";

const DASH = "–";
const CLOCK = { true: "Synchronised", false: "Not synchronised" };
const ORIGINS = {
  card: "In effect as the card's file says.",
  last_good: "The configuration before is in effect, because the card's file has a mistake.",
  default: "No file on the card had a configuration yet: the built-in one is in effect.",
};
const DATA_STATES = {
  memory: "The card cannot be written: what is changed is lost when the device is switched off. Replace the card.",
  recreated: "The data partition could not be used and was made anew. Users and settings are those of the card.",
};

/** Show the document of `/api/v1/device` in the section. */
export function showDevice(section, device) {
  section.hidden = false;
  const { image, storage, wear, card } = device;
  fill(section, {
    model: device.model ?? DASH,
    serial: device.serial ?? DASH,
    "host-name": device.host_name ?? DASH,
    software: device.version,
    image: image ? [image.board, image.version, image.build_time.slice(0, 10)].filter(Boolean).join(", ") : DASH,
    slot: device.slot?.toUpperCase() ?? DASH,
    kernel: device.kernel ?? DASH,
    "device-uptime": duration(device.uptime_s),
    clock: CLOCK[device.clock_synchronised] ?? DASH,
    free: storage ? `${bytes(storage.free_bytes)} of ${bytes(storage.total_bytes)}` : DASH,
    written: isKnown(storage?.written_bytes) ? bytes(storage.written_bytes) : DASH,
    wear: wear.map(shownWear).join("; ") || DASH,
  });
  section.querySelector(".settings").hidden = !card;
  if (card) showCard(section, card);
}

/** Return sentences about what a person has to do, the most urgent first. */
export function noticesOf(device) {
  const { card } = device;
  const notices = [];
  if (DATA_STATES[device.data_state]) notices.push(DATA_STATES[device.data_state]);
  if (card?.has_initial_password) {
    notices.push(
      "The password that this device made for itself is still in use. Write your own into edge-streamer.toml on the " +
        'card: password = "…" under [device].',
    );
  }
  if (card?.mistakes.length) notices.push("The settings on the card have a mistake: see Device below.");
  return notices;
}

function showCard(section, card) {
  fill(section, { origin: ORIGINS[card.configuration] });
  const rows = [
    ...card.mistakes.map((mistake) => settingRow("Mistake", "bad", "", mistake)),
    ...card.ignored.map(({ file, key, reason }) => settingRow("Ignored", "quiet", place(file, key), reason)),
    ...card.applied.map(({ file, key, text }) => settingRow("Applied", "good", place(file, key), text)),
  ];
  section.querySelector(".settings ul").replaceChildren(...rows);
}

function settingRow(verdict, tone, where, words) {
  const row = copyOf("setting");
  row.querySelector(".pill").dataset.tone = tone;
  fill(row, { verdict, where, words });
  return row;
}

function place(file, key) {
  return key ? `${file}: ${key}` : file;
}

function shownWear({ device, life_used_ratio: used, reserve }) {
  const life = isKnown(used) ? `at most ${Math.round(used * 100)} % used` : "life time unknown";
  return `${device}: ${life}${reserve && reserve !== "normal" ? `, spare blocks: ${reserve}` : ""}`;
}

/** "512 MB", "28.6 GB", in powers of ten as on the label of a card. */
function bytes(number) {
  return number < 1e9 ? `${Math.round(number / 1e6)} MB` : `${(number / 1e9).toFixed(1)} GB`;
}
