// The cards' copy buttons, and the time that is left until presigned links expire.
// Without this module the buttons stay hidden and each card shows the time of day at which its link expires.

const EXPIRED = "expired; reload the page for a new one";

/**
 * @param {number} seconds
 * @returns {string}
 */
function inWords(seconds) {
  if (seconds <= 0) return EXPIRED;
  const hours = Math.floor(seconds / 3600);
  const minutes = Math.floor((seconds % 3600) / 60);
  if (hours > 0) return `${hours} h ${minutes} min`;
  return minutes > 0 ? `${minutes} min ${Math.floor(seconds % 60)} s` : `${Math.floor(seconds)} s`;
}

/** @param {HTMLTimeElement} time */
function showTimeLeft(time) {
  const words = inWords((Date.parse(time.dateTime) - Date.now()) / 1000);
  if (time.textContent !== words) time.textContent = words;
}

/**
 * @param {HTMLButtonElement} button
 * @param {HTMLElement} status what screen readers read out
 */
function enableCopying(button, status) {
  const label = button.textContent;
  button.hidden = false;
  button.addEventListener("click", async () => {
    try {
      await navigator.clipboard.writeText(button.dataset.copy ?? "");
      button.textContent = "Copied";
    } catch {
      button.textContent = "Not allowed";
    }
    status.textContent = button.textContent;
    setTimeout(() => (button.textContent = label), 2000);
  });
}

/** @type {NodeListOf<HTMLTimeElement>} */
const times = document.querySelectorAll("time[data-expires]");
const showAll = () => times.forEach(showTimeLeft);
showAll();
setInterval(showAll, 1000);

// Only https pages and those of this computer have a clipboard.
if (navigator.clipboard) {
  /** @type {NodeListOf<HTMLButtonElement>} */
  const buttons = document.querySelectorAll("button[data-copy]");
  const status = document.createElement("div");
  status.className = "for-screen-readers";
  status.setAttribute("role", "status");
  document.body.append(status);
  buttons.forEach((button) => enableCopying(button, status));
}
