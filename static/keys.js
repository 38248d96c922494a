// Keyboard shortcuts, and the two dialogs that they open. What a key does stands in the page: the element with that
// data-key is focused if it takes text, else the link in it is followed, so nobody gets to what the page does not show.
"use strict";

// Where a browser remembers that single keys are no shortcuts, and how long the second of two keys is waited for.
const switchedOff = "postmaster-no-shortcuts";
const patience = 1500;
let pending = "";
let pendingUntil = 0;

const isOff = () => localStorage.getItem(switchedOff) !== null;
const takesText = (element) => element instanceof Element && element.closest("input, select, textarea, iframe, [contenteditable]") !== null;

function openDialog(id) {
  const dialog = document.getElementById(id);
  if (!dialog || dialog.open) return false;
  document.querySelectorAll("[popover]:popover-open").forEach((each) => each.hidePopover());
  dialog.showModal();
  const input = dialog.querySelector("input");
  if (id === "palette") input.value = "";
  htmx.trigger(id === "palette" ? input : dialog, "open");
  return true;
}

function act(keys) {
  if (keys === "?") return openDialog("shortcuts");
  const target = document.querySelector(`[data-key="${CSS.escape(keys)}"]`);
  if (!target) return false;
  if (!takesText(target)) target.querySelector("a").click();
  else if (target.checkVisibility()) { target.focus(); target.select(); }
  else return openDialog("palette");
  return true;
}

function onSingleKey(event) {
  if (isOff() || event.ctrlKey || event.metaKey || event.altKey || takesText(event.target)) return;
  if (document.querySelector("dialog[open]")) return;
  const keys = Date.now() < pendingUntil ? `${pending} ${event.key}` : event.key;
  pendingUntil = 0;
  if (event.key === "g" && keys === "g") {
    pending = "g";
    pendingUntil = Date.now() + patience;
  } else if (act(keys)) {
    event.preventDefault();
  }
}

// The arrow keys go from the input through the results and back; Enter in the input goes to the first, if it belongs to
// what was entered. Otherwise the form asks the search.
function onPaletteKey(event, dialog) {
  const results = dialog.querySelector("#palette-results");
  const links = [...results.querySelectorAll("a")];
  const place = links.indexOf(document.activeElement);
  if (event.key === "ArrowDown") (links[place + 1] ?? links[0])?.focus();
  else if (event.key === "ArrowUp") (place > 0 ? links[place - 1] : dialog.querySelector("input")).focus();
  else if (event.key === "Enter" && place < 0 && links[0] && results.dataset.for === dialog.querySelector("input").value.trim()) links[0].click();
  else return;
  event.preventDefault();
}

document.addEventListener("keydown", (event) => {
  if (event.isComposing || event.defaultPrevented) return;
  const palette = document.getElementById("palette");
  if (event.key.toLowerCase() === "k" && (event.ctrlKey || event.metaKey) && !event.shiftKey && !event.altKey) {
    event.preventDefault();
    if (palette?.open) palette.close(); else openDialog("palette");
  } else if (palette?.open) onPaletteKey(event, palette);
  else onSingleKey(event);
});

document.addEventListener("click", (event) => {
  const opener = event.target.closest?.("[data-opens]");
  if (opener && openDialog(opener.dataset.opens)) event.preventDefault();
  else if (event.target.matches?.("dialog.palette")) event.target.close(); // the backdrop
});

document.addEventListener("change", (event) => {
  if (!event.target.matches?.("[data-shortcuts]")) return;
  if (event.target.checked) localStorage.removeItem(switchedOff); else localStorage.setItem(switchedOff, "");
});

const showSwitches = () => document.querySelectorAll("[data-shortcuts]").forEach((each) => { each.checked = !isOff(); });
document.addEventListener("DOMContentLoaded", showSwitches);
document.addEventListener("htmx:afterSwap", showSwitches);
