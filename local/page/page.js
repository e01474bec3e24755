// The page's own code. What it shows it asks for once a second; rows are kept and changed, so that no focus is lost.
const byId = (id) => document.getElementById(id);
const put = (element, text) => {
  const wanted = String(text ?? "");
  if (element.textContent !== wanted) element.textContent = wanted;
};
const timeOf = (iso) => iso.slice(11, 19);
const say = (text) => put(byId("said"), text);

async function post(action) {
  const response = await fetch("/_local/do", {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify(action),
  });
  const { said } = await response.json();
  say(said);
  await refresh();
}

/** Re-keys through the real route, as any caller would. */
async function rekey(deviceId) {
  const nodeId = `urn:imei:${Math.floor(1e14 + Math.random() * 8e14)}`;
  const startedAt = performance.now();
  const response = await fetch(`/devices/${encodeURIComponent(deviceId)}/key`, {
    method: "PUT",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ nodeId }),
  });
  const { verifyCode, code, detail, advice } = await response.json();
  const outcome = verifyCode === undefined ? `${code}: ${detail}. ${advice}` : `its code is ${verifyCode}`;
  say(`${deviceId}: ${response.status} after ${Math.round(performance.now() - startedAt)} ms, ${outcome}`);
  await refresh();
}

function buttonFor(row, name, act) {
  const button = document.createElement("button");
  button.type = "button";
  button.textContent = name;
  button.addEventListener("click", () => act(row.dataset).catch((error) => say(String(error))));
  return button;
}

/** As many rows as there are items, with their cells; `made` is given a new row to add to. */
function fill(body, items, cellsOf, made = () => undefined) {
  const headings = body.closest("table").querySelectorAll("thead th");
  while (body.rows.length > items.length) body.deleteRow(-1);
  for (const [index, item] of items.entries()) {
    const cells = cellsOf(item);
    let row = body.rows[index];
    if (row === undefined) {
      row = body.insertRow();
      for (const _ of cells) row.insertCell();
      made(row);
    }
    for (const [column, text] of cells.entries()) put(row.cells[column], text);
    for (const [column, { textContent }] of [...headings].entries()) row.cells[column].dataset.label = textContent;
  }
}

function showDevices(devices) {
  const made = (row) => {
    const cell = row.insertCell();
    const { dataset } = row;
    const flip = () => post({ do: "device", deviceId: dataset.deviceId, online: dataset.status !== "ONLINE" });
    cell.append(
      buttonFor(row, "Re-key", ({ deviceId }) => rekey(deviceId)),
      " ",
      buttonFor(row, "", flip),
    );
  };
  const body = byId("devices");
  fill(body, devices, ({ deviceId, nodeId, status, verifyCode }) => [deviceId, nodeId, status, verifyCode], made);
  for (const [index, { deviceId, status }] of devices.entries()) {
    const row = body.rows[index];
    Object.assign(row.dataset, { deviceId, status });
    const [key, flip] = row.querySelectorAll("button");
    key.setAttribute("aria-label", `Re-key ${deviceId}`);
    put(flip, status === "ONLINE" ? "Take offline" : "Take online");
    flip.setAttribute("aria-label", `${flip.textContent}: ${deviceId}`);
  }
  offer(
    byId("ticket").elements.deviceId,
    devices.map(({ deviceId }) => [deviceId, deviceId]),
  );
}

function offer(select, options) {
  if (select.options.length === options.length) return;
  const chosen = select.value;
  select.replaceChildren(...options.map(([value, text]) => new Option(text, value, false, value === chosen)));
}

function showWaiting(waiting) {
  const texts = waiting.map(({ deviceId, operation, since, why, ends }) =>
    [`${deviceId} waits since ${timeOf(since)}: ${why}.`, ends, `Operation ${operation}`].join("\n"),
  );
  const list = byId("waiting");
  while (list.children.length > texts.length) list.lastElementChild.remove();
  for (const [index, text] of texts.entries()) {
    put(list.children[index] ?? list.appendChild(document.createElement("li")), text);
  }
  byId("none-waits").hidden = texts.length > 0;
}

function showFleets(fleets) {
  const list = byId("fleets");
  while (list.children.length > fleets.length) list.lastElementChild.remove();
  for (const [index, { run, total, ended, state }] of fleets.entries()) {
    const item = list.children[index] ?? list.appendChild(byId("fleet").content.firstElementChild.cloneNode(true));
    const [name, bar, text] = item.children;
    put(name, `${run} ${ended} of ${total}`);
    Object.assign(bar, { max: Math.max(1, total), value: ended, ariaLabel: run });
    put(text, state);
  }
  byId("no-fleets").hidden = fleets.length > 0;
}

function show({ devices, session, platform, notes, waiting, fleets, senders, sources, requests, calls }) {
  showDevices(devices);
  showWaiting(waiting);
  showFleets(fleets);
  offer(
    byId("ticket").elements.preset,
    senders.map(({ preset, ticketId }) => [preset, `${preset} (ticket ${ticketId})`]),
  );
  offer(
    byId("payload").elements.source,
    sources.map((name) => [name, name]),
  );
  for (const place of document.querySelectorAll("[data-of]")) put(place, session[place.dataset.of]);
  for (const button of document.querySelectorAll("[data-platform]")) {
    button.setAttribute("aria-pressed", String(button.dataset.platform === platform));
  }
  const list = byId("notes");
  if (list.children.length !== notes.length) {
    const texts = notes.map(({ at, system, ticketId, text }) => `${timeOf(at)} ${system} ${ticketId}\n${text}`);
    list.replaceChildren(...texts.map((text) => Object.assign(document.createElement("li"), { textContent: text })));
  }
  byId("no-notes").hidden = notes.length > 0;
  fill(byId("requests"), requests, ({ at, operation, outcome, ms }) => [timeOf(at), operation, outcome, ms]);
  fill(byId("calls"), calls, ({ at, operation, deviceId, answer, ms }) => [
    timeOf(at),
    operation,
    deviceId,
    answer,
    ms,
  ]);
}

async function refresh() {
  const response = await fetch("/_local/state");
  show(await response.json());
}

async function keepUp() {
  try {
    await refresh();
  } catch {
    say("Rekey does not run any more; npm start starts it again.");
  }
  setTimeout(keepUp, 1_000);
}

byId("ticket").addEventListener("submit", (event) => {
  event.preventDefault();
  post({ do: "ticket", ...Object.fromEntries(new FormData(event.target)) }).catch((error) => say(String(error)));
});
byId("payload").addEventListener("submit", (event) => {
  event.preventDefault();
  post({ do: "payload", ...Object.fromEntries(new FormData(event.target)) }).catch((error) => say(String(error)));
});
for (const button of document.querySelectorAll("[data-platform]")) {
  const act = () => post({ do: "platform", state: button.dataset.platform }).catch((error) => say(String(error)));
  button.addEventListener("click", act);
}
for (const button of document.querySelectorAll("[data-trouble]")) {
  const act = () => post({ do: "trouble", kind: button.dataset.trouble }).catch((error) => say(String(error)));
  button.addEventListener("click", act);
}

window.SwaggerUIBundle({
  url: "/_local/openapi.json",
  domNode: byId("reference"),
  validatorUrl: null,
  docExpansion: "list",
});
await keepUp();
