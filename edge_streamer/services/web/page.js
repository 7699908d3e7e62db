// The page: polls the API every two seconds while it is visible, and hands the answers to the cards and the table.

import { addressOf } from "./address.js";
import { noticesOf, showDevice } from "./device_card.js";
import { SessionTable } from "./session_table.js";
import { StreamCard } from "./stream_card.js";
import { copyOf, count, duration, fill, latency } from "./text.js";

const POLL_EVERY_MS = 2000;
const DEVICE_EVERY_MS = 30_000; // the service reads it no more often
const ANSWER_WITHIN_MS = 8000;
const URLS = JSON.parse(document.body.dataset.urls);
const MEANINGS = {
  teardown: "the client ended its session",
  peer_closed: "the client closed the connection",
  backlog: "the client read too slowly for too long",
  stalled: "the client or its link went silent",
  unreachable: "the client's port is closed, or no route leads to it",
  idle: "the client sent no keep-alive",
  protocol_error: "the client violated RTSP",
  limit: "a limit of this server was reached",
  auth: "the login failed",
  stream_ended: "the source ended, or its stream was removed",
  stream_replaced: "the picture or its configuration changed",
  kicked: "an operator ended it",
  shutdown: "this server was stopped",
  internal_error: "a fault of this server",
};

const cards = new Map();
const table = new SessionTable(document.querySelector("tbody"), kick);
let timer = 0;
let deviceAskedAt = -Infinity;

/** Send a request and return the response; Error with the text of the server's problem when it refuses. */
async function send(path, method = "GET") {
  const response = await fetch(addressOf(path), { method, signal: AbortSignal.timeout(ANSWER_WITHIN_MS) });
  if (response.ok) return response;
  const problem = await response.json().catch(() => ({}));
  throw new Error(problem.detail ?? `${response.status} ${response.statusText}`);
}

async function ask(path) {
  return (await send(path)).json();
}

async function poll() {
  clearTimeout(timer);
  try {
    const [status, sessions] = await Promise.all([ask("api/v1/status"), ask("api/v1/sessions")]);
    show(status, sessions);
    await pollDevice();
  } catch (error) {
    showHealth("No answer", "bad", error.message);
  }
  clearTimeout(timer);
  if (!document.hidden) timer = setTimeout(poll, POLL_EVERY_MS);
}

async function pollDevice() {
  const now = performance.now();
  if (now - deviceAskedAt < DEVICE_EVERY_MS) return;
  const device = await ask("api/v1/device");
  if (device.kernel !== null) deviceAskedAt = now; // null: the service has only just been started
  showDevice(document.getElementById("device"), device);
  showNotices(noticesOf(device));
}

async function kick(session, who) {
  try {
    await send(`api/v1/sessions/${encodeURIComponent(session.id)}`, "DELETE");
    announce(`Ended the session of ${who}.`);
  } catch (error) {
    announce(`Could not end the session of ${who}: ${error.message}`);
  }
  await poll();
}

// --- what it shows

function show(status, sessions) {
  document.body.dataset.role = status.you.role;
  document.querySelector("main").hidden = false;
  showStreams(status.streams);
  table.update(sessions, status.write_budget_s);
  showEnded(status.sessions.ended);
  fill(document, {
    "session-count": `${sessions.length} of ${status.sessions.limit}`,
    uptime: duration(Date.now() / 1000 - status.started_wall_s),
    started: count(status.sessions.started),
    budget: `${status.write_budget_s} s`,
    "worst-turn": latency(status.worst_turn_s),
    faults: count(status.handler_faults),
    you: status.you.user ? `${status.you.user}, ${status.you.role}` : status.you.role,
    version: `edge_streamer ${status.version}`,
  });
  const down = status.streams.filter((stream) => stream.wanted && !stream.up).map((stream) => stream.name);
  if (down.length) showHealth(`${down.join(", ")} down`, "bad");
  else showHealth("All well", "good");
}

function showStreams(streams) {
  const grid = document.getElementById("streams");
  const names = new Set(streams.map((stream) => stream.name));
  for (const [name, card] of cards) {
    if (!names.has(name)) {
      card.remove();
      cards.delete(name);
    }
  }
  for (const stream of streams) {
    if (!cards.has(stream.name)) {
      const card = new StreamCard(stream.name, urlsOf(stream.name));
      cards.set(stream.name, card);
      grid.append(card.element);
    }
    cards.get(stream.name).update(stream, performance.now());
  }
}

/** The addresses of a stream, also of one that a reload has added: in the same places as those of the other streams. */
function urlsOf(name) {
  return [...new Set(URLS.map((url) => url.slice(0, url.lastIndexOf("/") + 1)))].map((place) => place + name);
}

function showEnded(ended) {
  const rows = Object.entries(ended)
    .filter(([, times]) => times > 0)
    .sort((one, other) => other[1] - one[1])
    .map(([reason, times]) => {
      const row = copyOf("end-reason");
      fill(row, { reason, meaning: MEANINGS[reason] ?? "", count: count(times) });
      return row;
    });
  document.getElementById("ended").replaceChildren(...rows);
}

function showHealth(text, tone, why = "") {
  const pill = document.querySelector("header .pill");
  pill.dataset.tone = tone;
  pill.title = why;
  document.body.dataset.answers = text !== "No answer";
  fill(document, { health: text });
}

function showNotices(notices) {
  const list = document.getElementById("notices");
  if (notices.join("\n") === list.innerText) return; // a screen reader would say them again
  list.replaceChildren(
    ...notices.map((notice) => {
      const row = document.createElement("li");
      row.textContent = notice;
      return row;
    }),
  );
}

function announce(text) {
  document.getElementById("announcement").textContent = text;
}

// --- visibility

function onVisibility() {
  for (const card of cards.values()) card.setVisible(!document.hidden);
  if (document.hidden) clearTimeout(timer);
  else poll();
}

document.title = `${location.hostname} – edge_streamer`;
fill(document, { host: location.host });
document.addEventListener("visibilitychange", onVisibility);
poll();
