const byId = (id) => document.getElementById(id);
const element = (tag, text, ...children) => {
  const made = document.createElement(tag);
  // Never as HTML: a ticket's words end here too.
  if (text !== undefined) made.textContent = String(text);
  made.append(...children);
  return made;
};
const row = (...cells) =>
  element("tr", undefined, ...cells.map((cell) => (cell instanceof Node ? cell : element("td", cell))));

async function act(action, input = {}) {
  const response = await fetch(`/_local/${action}`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify(input),
  });
  const result = await response.json();
  byId("said").textContent =
    result.text === undefined ? `Done: ${action}` : `Rekey answered ${result.status} ${result.text}`;
  await show();
}

function button(label, name, action, deviceId) {
  const made = element("button", label);
  made.type = "button";
  made.setAttribute("aria-label", `${label}: ${name}`);
  made.addEventListener("click", () => act(action, { deviceId }));
  return made;
}

function deviceRow({ deviceId, nodeId, status, activated, verifyCode }) {
  const doing = element(
    "td",
    undefined,
    button("Send its ticket", deviceId, "ticket", deviceId),
    " ",
    status === "ONLINE"
      ? button("Take offline", deviceId, "offline", deviceId)
      : button("Bring online", deviceId, "online", deviceId),
  );
  const made = row(deviceId, nodeId, activated ? status : `${status}, never active`, verifyCode ?? "", doing);
  made.dataset.device = deviceId;
  return made;
}

let shown = "";
async function show() {
  const state = await (await fetch("/_local/state")).json();
  const text = JSON.stringify(state);
  // Drawn anew only when something is new, so that the focus stays where it is.
  if (text === shown) return;
  shown = text;
  const focused = document.activeElement?.getAttribute("aria-label");
  byId("devices").replaceChildren(...state.devices.map(deviceRow));
  const notes = state.notes.map((note) => element("pre", `${note.system} ${note.ticketId}\n${note.text}`));
  byId("notes").replaceChildren(...(notes.length === 0 ? [element("p", "None yet.")] : notes));
  const { tokenEndsAt, lease, logins, storeCalls } = state.session;
  const facts = {
    "Token valid until": tokenEndsAt ?? "nobody has logged in yet",
    "Lease label rests on": lease ?? "nothing yet",
    "Logins so far": logins,
    "Calls to the secrets store": storeCalls,
  };
  byId("session").replaceChildren(
    ...Object.entries(facts).flatMap(([name, value]) => [element("dt", name), element("dd", value)]),
  );
  byId("calls").replaceChildren(
    ...state.calls.map(({ at, operation, deviceId, status, code, ms }) =>
      row(at.slice(11, 23), operation, deviceId ?? "", code === undefined ? status : `${status} ${code}`, ms),
    ),
  );
  if (focused) document.querySelector(`[aria-label="${CSS.escape(focused)}"]`)?.focus();
}

for (const made of document.querySelectorAll("[data-action]")) {
  made.addEventListener("click", () => act(made.dataset.action));
}
await show();
setInterval(() => show().catch(() => undefined), 1000);
