// @ts-check
/**
 * Direct uploads: a chosen file goes from the browser straight to the S3 server, and the form carries its receipt.
 *
 * The widget DirectUploadInput renders <direct-upload> around Django's file input. Its input dispatches the events
 * direct-upload:start, :progress, :error and :end. They bubble. Where start is cancelled, Django gets the file as usual;
 * where another is cancelled, this script does not show it.
 *
 * @typedef {{url: string, headers: Record<string, string>}} Target where one request with bytes goes
 * @typedef {{upload: string, key: string, expires_in: number, part_size: number, parts: number, multipart: true}} Multipart
 * @typedef {{upload: string, key: string, expires_in: number, multipart: false} & Target} Single
 * @typedef {{receipt: string, name: string, size: number, type: string}} Result
 */

const PUTS_AT_ONCE = 4;
const FILES_AT_ONCE = 4;
const SIGNED_AT_ONCE = 100;
const ATTEMPTS = 9; // of one request; the pauses between them add up to about a minute
const LONGEST_PAUSE = 15_000; // milliseconds
const STALLED = 60_000; // milliseconds without a byte
const SPOKEN_EVERY = 10_000; // milliseconds between two reports of progress to a screen reader
const PREFIX = "direct-upload:";

class UploadError extends Error {
  /** @param {number} status HTTP status; 0: no response @param {string} [message] in words for the user, if the server has sent one */
  constructor(status, message = "") {
    super(message);
    this.status = status;
    this.temporary = [0, 408, 429].includes(status) || status >= 500;
  }
}

/** Let only so many tasks run at the same time.
 * @param {number} free */
function limit(free) {
  /** @type {((_: unknown) => void)[]} */
  const queue = [];
  return async (/** @type {() => Promise<any>} */ task) => {
    if (free > 0) free -= 1;
    else await new Promise((resolve) => queue.push(resolve));
    try {
      return await task();
    } finally {
      const next = queue.shift();
      if (next) next(null);
      else free += 1;
    }
  };
}

const inPutSlot = limit(PUTS_AT_ONCE);
const inFileSlot = limit(FILES_AT_ONCE);

/** Wait for milliseconds, or until the browser is online again or the signal is aborted.
 * @param {AbortSignal} signal @param {number} milliseconds @returns {Promise<void>} */
function wait(signal, milliseconds) {
  return new Promise((resolve) => {
    const done = new AbortController();
    const end = () => {
      done.abort(); // removes the listeners
      resolve();
    };
    setTimeout(end, milliseconds);
    window.addEventListener("online", end, { signal: done.signal });
    signal.addEventListener("abort", end, { signal: done.signal });
  });
}

/** Repeat a request while its failure is temporary: with growing pauses, and none counted while there is no network.
 * @template T @param {() => Promise<T>} request @param {AbortSignal} signal @param {(online: boolean) => void} onNetwork */
async function persist(request, signal, onNetwork) {
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await request();
    } catch (error) {
      signal.throwIfAborted();
      if (!(error instanceof UploadError && error.temporary)) throw error;
      if (attempt >= ATTEMPTS && navigator.onLine) throw error;
    }
    while (!navigator.onLine && !signal.aborted) {
      onNetwork(false);
      await wait(signal, LONGEST_PAUSE);
      attempt = 0;
    }
    onNetwork(true);
    await wait(signal, Math.min(LONGEST_PAUSE, 250 * 2 ** attempt) * (0.5 + Math.random() / 2));
    signal.throwIfAborted();
  }
}

/** Send bytes to the S3 server. XMLHttpRequest, as fetch() does not report how much has been sent.
 * @param {Target} target @param {Blob} body @param {AbortSignal} signal @param {(bytes: number) => void} onBytes
 * @returns {Promise<void>} */
function put(target, body, signal, onBytes) {
  return new Promise((resolve, reject) => {
    const request = new XMLHttpRequest();
    const stop = () => request.abort();
    let timer = setTimeout(stop, STALLED);
    request.upload.onprogress = (event) => {
      clearTimeout(timer);
      timer = setTimeout(stop, STALLED);
      onBytes(event.loaded);
    };
    request.onloadend = () => {
      clearTimeout(timer);
      signal.removeEventListener("abort", stop);
      const error = new UploadError(request.status);
      error.temporary ||= request.status === 400; // S3's RequestTimeout and IncompleteBody
      if (request.status >= 200 && request.status < 300) resolve();
      else reject(error);
    };
    signal.addEventListener("abort", stop);
    request.open("PUT", target.url);
    Object.entries(target.headers).forEach(([name, value]) => request.setRequestHeader(name, value));
    request.send(body);
  });
}

/** What this browser remembers of an upload that a reload interrupts. Its storage may be full or switched off.
 * @param {string} key @param {Multipart | null} [upload] to remember; null: forget it @returns {Multipart | null} */
function remembered(key, upload) {
  try {
    for (const other of Object.keys(localStorage).filter((name) => name.startsWith(PREFIX))) {
      if (JSON.parse(localStorage[other]).until < Date.now()) localStorage.removeItem(other);
    }
    if (upload) localStorage[key] = JSON.stringify({ upload, until: Date.now() + upload.expires_in * 1000 });
    if (upload === null) localStorage.removeItem(key);
    return JSON.parse(localStorage[key] ?? "null")?.upload ?? null;
  } catch {
    return null; // after a reload the upload starts anew
  }
}

/** One file on its way. It can be run again after a failure, and goes on where it was. */
class Upload {
  /** @param {File} file @param {DirectUpload} element @param {(loaded: number, online: boolean) => void} onProgress */
  constructor(file, element, onProgress) {
    this.file = file;
    this.element = element;
    this.onProgress = onProgress;
    this.key = `${PREFIX}${[element.url, element.input.name, file.name, file.size, file.lastModified].join(" ")}`;
    this.online = true;
    this.cancelled = false;
    this.controller = new AbortController();
    /** @type {Multipart | Single | null} */
    this.started = null;
    /** @type {Map<number, number>} bytes sent, by the part's number */
    this.sent = new Map();
    /** @type {Map<number, Target>} */
    this.targets = new Map();
    /** @type {number[]} parts that nobody has begun to send */
    this.queue = [];
    /** @type {Promise<void> | null} */
    this.signing = null;
  }

  /** Upload the file. Of two tabs with the same file, only the first remembers the upload and continues it.
   * @returns {Promise<Result>} */
  run() {
    const { signal } = (this.controller = new AbortController());
    return inFileSlot(() => {
      signal.throwIfAborted();
      if (!navigator.locks) return this.transfer(true); // pages without TLS
      return navigator.locks.request(this.key, { ifAvailable: true }, (lock) => this.transfer(lock !== null));
    });
  }

  /** Stop, and let the server drop what it has. */
  cancel() {
    this.cancelled = true;
    this.controller.abort();
    remembered(this.key, null);
    if (this.started) this.element.post("abort", { upload: this.started.upload }).catch(() => {});
  }

  /** @param {boolean} isOnly whether this page alone uploads the file @returns {Promise<Result>} */
  async transfer(isOnly) {
    const { name, type, size } = this.file;
    this.started ??= isOnly ? remembered(this.key) : null;
    if (this.started && !(await this.continues())) this.started = null;
    if (!this.started) {
      /** @type {Multipart | Single} */
      const started = await this.ask("begin", { name, type, size });
      this.started = started;
      this.sent.clear();
      if (started.multipart && isOnly) remembered(this.key, started);
    }
    if (this.started.multipart) await this.sendParts(this.started);
    else await this.sendWhole(this.started);
    const result = await this.ask("complete", { upload: this.started.upload });
    remembered(this.key, null);
    return result;
  }

  /** Whether the server still knows the upload; if so, note the parts that it has. */
  async continues() {
    if (!this.started?.multipart) return false;
    const started = this.started;
    this.sent.clear();
    try {
      const { parts } = await this.ask("parts", { upload: started.upload });
      for (const { number, size } of parts) {
        if (size === this.slice(started, number).size) this.sent.set(number, size);
      }
      return true;
    } catch (error) {
      if (!(error instanceof UploadError) || error.temporary) throw error;
      remembered(this.key, null);
      return false;
    }
  }

  /** @param {Single} started */
  async sendWhole(started) {
    try {
      await this.persist(() => this.put(1, started, this.file));
    } catch (error) {
      // 412: an attempt whose response was lost has stored it; "complete" makes sure.
      if (!(error instanceof UploadError && error.status === 412)) throw error;
    }
  }

  /** @param {Multipart} started */
  async sendParts(started) {
    const numbers = Array.from({ length: started.parts }, (_, index) => index + 1);
    this.queue = numbers.filter((number) => !this.sent.has(number));
    this.targets.clear();
    this.report();
    const worker = async () => {
      for (let number = this.queue.shift(); number !== undefined; number = this.queue.shift()) {
        const part = number;
        await this.persist(() => this.sendPart(started, part));
      }
    };
    try {
      await Promise.all(Array.from({ length: PUTS_AT_ONCE }, worker));
    } catch (error) {
      this.controller.abort(); // the other workers
      throw error;
    }
  }

  /** @param {Multipart} started @param {number} number */
  async sendPart(started, number) {
    while (!this.targets.has(number)) {
      this.signing ??= this.sign(started, number).finally(() => (this.signing = null));
      await this.signing;
    }
    const target = /** @type {Target} */ (this.targets.get(number));
    try {
      await this.put(number, target, this.slice(started, number));
      this.targets.delete(number);
    } catch (error) {
      this.sent.delete(number);
      if (error instanceof UploadError && error.status === 403) {
        this.targets.delete(number); // expired: the next attempt gets another
        error.temporary = true;
      }
      throw error;
    }
  }

  /** @param {Multipart} started @param {number} number */
  async sign(started, number) {
    const parts = [number, ...this.queue.filter((other) => !this.targets.has(other))].slice(0, SIGNED_AT_ONCE);
    const signed = await this.element.post("sign", { upload: started.upload, parts }, this.controller.signal);
    for (const part of signed.parts) this.targets.set(part.number, part);
  }

  /** @param {Multipart} started @param {number} number */
  slice(started, number) {
    return this.file.slice((number - 1) * started.part_size, number * started.part_size);
  }

  /** @param {number} number @param {Target} target @param {Blob} body */
  async put(number, target, body) {
    const { signal } = this.controller;
    await inPutSlot(async () => {
      signal.throwIfAborted();
      await put(target, body, signal, (bytes) => this.report(number, bytes));
    });
    this.report(number, body.size);
  }

  /** @param {string} endpoint @param {object} values @returns {Promise<any>} */
  ask(endpoint, values) {
    return this.persist(() => this.element.post(endpoint, values, this.controller.signal));
  }

  /** @template T @param {() => Promise<T>} request */
  persist(request) {
    return persist(request, this.controller.signal, (online) => {
      this.online = online;
      this.report();
    });
  }

  /** @param {number} [number] @param {number} [bytes] */
  report(number, bytes) {
    if (number !== undefined && bytes !== undefined) this.sent.set(number, bytes);
    const loaded = [...this.sent.values()].reduce((sum, size) => sum + size, 0);
    this.onProgress(Math.min(loaded, this.file.size), this.online);
  }
}

/** What the page shows of one file: a line of progress, and buttons. */
class Item {
  /** @param {DirectUpload} element @param {File | null} file @param {Result | null} result of an upload before the form was shown again */
  constructor(element, file, result = null) {
    this.element = element;
    this.file = file;
    this.result = result;
    this.name = file?.name ?? result?.name ?? "";
    this.total = file?.size ?? result?.size ?? 0;
    this.upload = file && new Upload(file, element, (loaded, online) => this.progressed(loaded, online));
    this.began = { at: 0, loaded: 0 };
    this.shownAt = 0;
    this.spokenAt = 0;
    /** @type {"running" | "done" | "failed"} */
    this.state = "done";
    this.box = create("span", "direct-upload-item", { role: "group", "aria-label": this.name });
    this.bar = create("progress", "direct-upload-bar", { max: "100", value: "0", "aria-label": this.name });
    this.text = create("span", "direct-upload-text");
    this.retryButton = create("button", "direct-upload-retry button", { type: "button" }, element.message("retry"));
    this.cancelButton = create("button", "direct-upload-cancel button", { type: "button" });
    this.retryButton.onclick = () => void this.run();
    this.cancelButton.onclick = () => element.removeByUser(this);
    this.box.append(create("span", "direct-upload-name", {}, this.name), this.bar, this.text, this.retryButton, this.cancelButton);
    if (result) this.show("done", element.message("done"), "");
  }

  /** @param {"running" | "done" | "failed"} state @param {string} text @param {string} [spoken] by screen readers */
  show(state, text, spoken = `${this.name}: ${text}`) {
    const hadFocus = this.box.contains(document.activeElement);
    this.state = this.box.dataset.state = state;
    this.text.textContent = text;
    this.bar.hidden = state !== "running";
    this.retryButton.hidden = state !== "failed";
    this.cancelButton.textContent = this.element.message(state === "running" ? "cancel" : "remove");
    this.cancelButton.setAttribute("aria-label", `${this.cancelButton.textContent}: ${this.name}`);
    if (hadFocus && this.retryButton.hidden) this.cancelButton.focus();
    if (spoken) this.element.announce(spoken);
  }

  async run() {
    const { element, upload, file } = this;
    if (!upload || this.state === "running") return;
    this.began = { at: 0, loaded: 0 };
    this.show("running", element.message("waiting"));
    try {
      this.result = await upload.run();
      this.state = "done";
      if (element.dispatch("end", { file, ...this.result })) this.show("done", element.message("done"));
    } catch (error) {
      if (upload.cancelled) return;
      this.state = "failed";
      const isKnown = error instanceof UploadError;
      const message = (isKnown && error.message) || element.message(isKnown && error.temporary ? "lost" : "failed");
      if (element.dispatch("error", { file, message, error })) this.show("failed", message);
    } finally {
      element.settle();
    }
  }

  /** @param {number} loaded @param {boolean} online */
  progressed(loaded, online) {
    const { element, file, total } = this;
    const now = Date.now();
    if (this.state !== "running" || (online && loaded < total && now - this.shownAt < 100)) return;
    this.shownAt = now;
    if (!this.began.at) this.began = { at: now, loaded };
    if (!element.dispatch("progress", { file, loaded, total })) return;
    const share = Math.floor(100 * (total ? loaded / total : 1)) / 100;
    this.bar.value = 100 * share;
    let text = element.message("progress", { done: bytes(loaded), total: bytes(total), percent: format(share, { style: "percent" }) });
    const speed = (loaded - this.began.loaded) / (now - this.began.at);
    if (speed > 0 && loaded < total) text += ` ${element.message("left", { time: duration((total - loaded) / speed / 1000) })}`;
    if (!online) text = element.message("offline");
    const isDue = now - this.spokenAt > SPOKEN_EVERY;
    if (isDue) this.spokenAt = now;
    this.show("running", text, isDue ? undefined : "");
  }
}

/** @template {keyof HTMLElementTagNameMap} T
 * @param {T} tag @param {string} className @param {Record<string, string>} [attributes] @param {string} [text] */
function create(tag, className, attributes = {}, text = "") {
  const element = document.createElement(tag);
  Object.entries({ class: className, ...attributes }).forEach(([name, value]) => element.setAttribute(name, value));
  element.textContent = text;
  return element;
}

/** @param {number} value @param {Intl.NumberFormatOptions} options */
function format(value, options) {
  return new Intl.NumberFormat(document.documentElement.lang || undefined, { maximumFractionDigits: 1, ...options }).format(value);
}

/** @param {number} size */
function bytes(size) {
  const units = ["byte", "kilobyte", "megabyte", "gigabyte", "terabyte"];
  const power = Math.min(units.length - 1, Math.floor(Math.log10(Math.max(size, 1)) / 3));
  return format(size / 1000 ** power, { style: "unit", unit: units[power], unitDisplay: power ? "short" : "long" });
}

/** @param {number} seconds */
function duration(seconds) {
  const [unit, length] = seconds < 60 ? ["second", 1] : seconds < 3600 ? ["minute", 60] : ["hour", 3600];
  return format(Math.ceil(seconds / Number(length)), { style: "unit", unit: String(unit), unitDisplay: "long" });
}

/** The element around Django's file input. */
class DirectUpload extends HTMLElement {
  /** @type {Item[]} */
  items = [];
  /** @type {File[]} files that a listener has left to Django */
  left = [];
  url = "";
  /** @type {Record<string, string>} */
  messages = {};
  input = create("input", "");
  receipt = create("input", "");
  list = create("span", "direct-upload-list");
  status = create("span", "direct-upload-status", { role: "status" });

  connectedCallback() {
    const input = this.querySelector("input[type=file]");
    const receipt = this.querySelector("input[data-direct-upload-kept]");
    if (!(input instanceof HTMLInputElement && receipt instanceof HTMLInputElement) || this.url) return;
    [this.input, this.receipt] = [input, receipt];
    this.url = input.dataset.directUploadUrl ?? "";
    this.messages = JSON.parse(input.dataset.directUploadMessages ?? "{}");
    this.append(this.list, this.status);
    input.addEventListener("change", () => this.choose());
    this.addEventListener("dragover", (event) => event.preventDefault()); // or the browser would open the file
    this.addEventListener("dragenter", () => this.classList.add("direct-upload-over"));
    this.addEventListener("dragleave", () => this.classList.remove("direct-upload-over"));
    this.addEventListener("drop", (event) => this.drop(event));
    JSON.parse(receipt.dataset.directUploadKept || "[]").forEach((/** @type {Result} */ result) => this.add(new Item(this, null, result)));
  }

  /** @param {DragEvent} event */
  drop(event) {
    event.preventDefault();
    this.classList.remove("direct-upload-over");
    const dropped = new DataTransfer();
    const taken = [...(event.dataTransfer?.files ?? [])].slice(0, this.input.multiple ? undefined : 1);
    if (!taken.length || this.input.disabled) return;
    taken.forEach((file) => dropped.items.add(file));
    this.input.files = dropped.files;
    this.input.dispatchEvent(new Event("change", { bubbles: true }));
  }

  choose() {
    const chosen = [...(this.input.files ?? [])];
    if (!chosen.length) return;
    if (!this.input.multiple) [...this.items].forEach((item) => this.discard(item));
    this.left = chosen.filter((file) => !this.dispatch("start", { file }));
    for (const file of chosen.filter((other) => !this.left.includes(other))) {
      const item = new Item(this, file);
      item.state = "failed"; // until it runs
      this.add(item);
      void item.run();
    }
  }

  /** @param {Item} item */
  add(item) {
    this.items.push(item);
    this.list.append(item.box);
    this.settle();
  }

  /** @param {Item} item */
  discard(item) {
    item.upload?.cancel();
    item.box.remove();
    this.items = this.items.filter((other) => other !== item);
    this.settle();
  }

  /** The button was pressed. @param {Item} item */
  removeByUser(item) {
    this.discard(item);
    if (!this.items.length) this.input.value = ""; // so that the same file can be chosen again
    this.input.focus();
    this.announce(this.message("cancelled", { name: item.name }));
  }

  /** Note the receipts in the form, and send the form if it has been waiting for them. */
  settle() {
    const receipts = this.items.flatMap((item) => (item.result ? [item.result.receipt] : []));
    this.receipt.value = receipts.length ? JSON.stringify(receipts) : "";
    if (this.input.form) sendWaiting(this.input.form);
  }

  /** @param {string} name @param {Record<string, unknown>} detail @returns whether nobody has cancelled it */
  dispatch(name, detail) {
    return this.input.dispatchEvent(new CustomEvent(`direct-upload:${name}`, { bubbles: true, cancelable: true, detail }));
  }

  /** @param {string} key @param {Record<string, string>} [values] */
  message(key, values = {}) {
    return Object.entries(values).reduce((text, [name, value]) => text.replace(`{${name}}`, value), this.messages[key] ?? "");
  }

  /** @param {string} text */
  announce(text, isVisible = false) {
    if (!isVisible && this.input.form && waiting.has(this.input.form)) return; // what it waits for stays in view
    this.status.classList.toggle("direct-upload-visible", isVisible);
    this.status.textContent = text;
  }

  /** @param {string} endpoint @param {object} values @param {AbortSignal} [signal] @returns {Promise<any>} */
  async post(endpoint, values, signal) {
    const headers = { "Content-Type": "application/json", "X-CSRFToken": this.token() };
    const body = JSON.stringify({ grant: this.input.dataset.directUploadGrant, ...values });
    const response = await fetch(`${this.url}${endpoint}/`, { method: "POST", headers, body, signal }).catch(() => null);
    if (!response) throw new UploadError(0);
    const isJson = response.headers.get("Content-Type")?.startsWith("application/json");
    const reply = isJson ? await response.json().catch(() => null) : {};
    if (!reply) throw new UploadError(0); // cut short
    if (!response.ok || !isJson) throw new UploadError(response.ok ? 403 : response.status, reply.message);
    return reply;
  }

  /** The form's CSRF token. Where it has none, it gets the page's or the cookie's: receipts are bound to it. */
  token() {
    const name = "csrfmiddlewaretoken";
    const own = this.input.form?.elements.namedItem(name) ?? document.querySelector(`[name=${name}]`);
    if (own instanceof HTMLInputElement && own.form === this.input.form) return own.value;
    const value = own instanceof HTMLInputElement ? own.value : (/(?:^|; )csrftoken=(\w+)/.exec(document.cookie)?.[1] ?? "");
    if (value) this.input.form?.append(create("input", "", { type: "hidden", name, value }));
    return value;
  }
}

/** @type {Map<HTMLFormElement, HTMLElement | null>} forms that are sent when their uploads are complete, and by which button */
const waiting = new Map();

/** @param {HTMLFormElement} form @returns {DirectUpload[]} */
function elementsOf(form) {
  const elements = /** @type {NodeListOf<DirectUpload>} */ (document.querySelectorAll("direct-upload"));
  return [...elements].filter((element) => element.input.form === form);
}

/** @param {HTMLFormElement} form */
function sendWaiting(form) {
  if (!waiting.has(form)) return;
  const items = elementsOf(form).flatMap((element) => element.items);
  if (items.some((item) => item.state === "running")) return;
  const button = waiting.get(form);
  waiting.delete(form);
  form.removeAttribute("aria-busy");
  const failed = items.find((item) => item.state === "failed");
  if (failed) failed.retryButton.focus();
  else form.requestSubmit(button);
}

window.addEventListener("submit", (event) => {
  const form = event.target;
  if (!(form instanceof HTMLFormElement)) return;
  const open = elementsOf(form).filter((element) => element.items.some((item) => item.state !== "done"));
  if (!open.length) return;
  event.preventDefault();
  event.stopImmediatePropagation();
  waiting.set(form, event.submitter);
  form.setAttribute("aria-busy", "true");
  open.forEach((element) => element.announce(element.message("submit"), true));
  sendWaiting(form);
}, true);

window.addEventListener("formdata", (event) => {
  for (const { input, items, left } of elementsOf(/** @type {HTMLFormElement} */ (event.target))) {
    if (!items.length) continue;
    event.formData.delete(input.name); // the receipts stand for these files
    left.forEach((file) => event.formData.append(input.name, file));
  }
}, true);

customElements.define("direct-upload", DirectUpload);
