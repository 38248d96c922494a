// What htmx has no attribute for: to say at once that nobody answers, and to let no old answer come after a newer one.
"use strict";

// A proxy answers for a server that is gone: nothing of that is ours, so it would not be shown.
const ofProxies = [502, 504];

function lose() {
  const toasts = document.getElementById("toasts");
  const told = document.getElementById("unreachable");
  document.getElementById("pulse")?.setAttribute("data-lost", "");
  if (toasts && told && !toasts.querySelector(".unreachable")) toasts.append(told.content.cloneNode(true));
}

document.addEventListener("htmx:sendError", lose);
document.addEventListener("htmx:timeout", lose);
document.addEventListener("htmx:afterOnLoad", (event) => {
  if (ofProxies.includes(event.detail.xhr.status)) return lose();
  document.getElementById("pulse")?.removeAttribute("data-lost");
  for (const toast of document.querySelectorAll("#toasts .unreachable")) toast.remove();
});

// What somebody pressed: how often, and the requests that are under way. To abort a beat would be an error to htmx,
// so its answer is dropped instead if anything was pressed meanwhile; and none begins while an action runs.
const running = new Set();
let pressed = 0;

document.addEventListener("htmx:beforeRequest", (event) => {
  const { elt, xhr } = event.detail;
  if (elt.id === "pulse") {
    if (running.size) return event.preventDefault();
    const seen = pressed;
    // On the element itself: an action may have replaced it, and then nothing rises from it to the document.
    elt.addEventListener("htmx:beforeOnLoad", (answer) => { if (pressed !== seen) answer.preventDefault(); }, { once: true });
    return;
  }
  pressed += 1;
  running.add(xhr);
  xhr.addEventListener("loadend", () => running.delete(xhr));
});
