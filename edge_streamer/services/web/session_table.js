// The table of sessions. A session keeps its row from poll to poll, so that a button under the pointer stays there.

import { copyOf, duration, fill, latency, percent } from "./text.js";

const NEAR = 0.5; // of the budget
const CRITICAL = 0.8;
const CONFIRM_WITHIN_MS = 4000;

export class SessionTable {
  #body;
  #rows = new Map();
  #kick;

  /** `kick(session, who)` ends a session, asynchronously; `who` describes it in words. */
  constructor(body, kick) {
    this.#body = body;
    this.#kick = kick;
  }

  /** Show these sessions; `budgetS` is the write budget in seconds. */
  update(sessions, budgetS) {
    const ids = new Set(sessions.map((session) => session.id));
    for (const [id, row] of this.#rows) {
      if (!ids.has(id)) {
        row.remove();
        this.#rows.delete(id);
      }
    }
    for (const session of sessions) this.#show(session, budgetS);
  }

  #show(session, budgetS) {
    let row = this.#rows.get(session.id);
    if (!row) {
      row = this.#newRow(session);
      this.#rows.set(session.id, row);
      this.#body.append(row);
    }
    fill(row, {
      stream: session.stream,
      transport: session.state === "playing" ? session.transport.toUpperCase() : `${session.transport.toUpperCase()}, ${session.state}`,
      duration: duration(session.duration_s),
      "round-trip": latency(session.round_trip_s),
      loss: percent(session.fraction_lost_ratio),
      backlog: session.backlog_bytes ? `${session.backlog_s.toFixed(1)} of ${budgetS.toFixed(1)} s` : "none",
    });
    showLevel(row, session.write_budget_bytes ? session.backlog_bytes / session.write_budget_bytes : 0);
  }

  #newRow(session) {
    const row = copyOf("session-row");
    row.dataset.session = session.id;
    fill(row, { client: session.client === "other" ? "unknown client" : session.client, peer: session.peer_ip });
    const button = row.querySelector("button");
    const who = `${session.client} at ${session.peer_ip}, stream ${session.stream}`;
    askTwice(button, who, () => this.#kick(session, who));
    return row;
  }
}

function showLevel(row, ratio) {
  const percentage = Math.min(100, Math.round(ratio * 100));
  const meter = row.querySelector(".meter");
  meter.setAttribute("aria-valuenow", percentage);
  meter.dataset.tone = ratio >= CRITICAL ? "bad" : ratio >= NEAR ? "warn" : "good";
  meter.firstElementChild.style.inlineSize = `${percentage}%`;
}

/** The first press asks for confirmation; a second one within a few seconds acts. */
function askTwice(button, who, action) {
  const rest = () => {
    button.textContent = "Kick";
    button.dataset.asks = false;
    button.setAttribute("aria-label", `Kick ${who}`);
  };
  button.onblur = rest;
  button.onclick = () => {
    if (button.dataset.asks === "true") {
      rest();
      action();
      return;
    }
    button.textContent = "Sure?";
    button.dataset.asks = true;
    button.setAttribute("aria-label", `Press again to kick ${who}`);
    setTimeout(rest, CONFIRM_WITHIN_MS);
  };
  rest();
}
