// htmx has no attribute for a request that got no answer at all, so this says it: at once, whatever was pressed.
"use strict";
for (const lost of ["htmx:sendError", "htmx:timeout"]) {
  document.addEventListener(lost, () => {
    const toasts = document.getElementById("toasts");
    const told = document.getElementById("unreachable");
    if (toasts && told && !toasts.querySelector(".unreachable")) toasts.append(told.content.cloneNode(true));
  });
}
document.addEventListener("htmx:afterOnLoad", () => {
  for (const toast of document.querySelectorAll("#toasts .unreachable")) toast.remove();
});
