// The reader's way through the book, on every page (convbook_way.py): progress, terms, search and keys.
const way = (() => {
  const root = document.documentElement;
  const all = (selector) => [...document.querySelectorAll(selector)];
  const make = (tag, properties, ...children) => {
    const element = Object.assign(document.createElement(tag), properties);
    element.append(...children);
    return element;
  };

  // What the reader has done stays in this browser: {chapter: {title, last, here, of, predictions, exercises}}.
  const PROGRESS = "convbook-progress", KINDS = ["predictions", "exercises"];
  const chapter = location.pathname.match(/(\d\d_\w+)\.html$/)?.[1];
  const progress = () => {
    try {
      const kept = JSON.parse(localStorage.getItem(PROGRESS));
      return kept?.constructor === Object ? kept : {};
    } catch { return {}; }
  };
  const update = (change) => {
    const pages = progress();
    Object.assign(pages[chapter] ??= {}, change(pages[chapter]));
    try { localStorage.setItem(PROGRESS, JSON.stringify(pages)); } catch { /* a full disk: what was kept stays */ }
  };
  const done = (kind, name) => progress()[chapter]?.[kind]?.[name];
  const note = (kind, name, value) => update((page) => ({ [kind]: { ...page[kind], [name]: value } }));
  const noteWhere = () => {
    const heading = all("article section[id] > :is(h2, h3)").findLast((h) => h.getBoundingClientRect().top < innerHeight / 3);
    const here = heading && [`#${heading.parentElement.id}`, heading.firstChild.textContent];
    update(() => ({ title: document.title.split(" — ")[0], last: Date.now(), here: here ?? ["", ""],
      of: [all("form.predict").length, all("form.exercise").length] }));
  };
  const showProgress = () => {
    const card = (name) => document.querySelector(`ul.cards a[href="${name}.html"]`)?.closest("li");
    const pages = Object.entries(progress()).filter(([name, page]) => card(name) && page.here);
    if (!pages.length) return;
    for (const [name, page] of pages) {
      const counts = KINDS.map((kind, i) => [Object.keys(page[kind] ?? {}).length, page.of[i], kind]);
      const text = counts.filter(([, of]) => of).map(([n, of, kind]) => `${n} of ${of} ${kind}`).join(", ");
      const isAll = counts.every(([n, of]) => n >= of);
      card(name).append(make("small", { className: "kept" }, `${isAll ? "✓ " : ""}${text}`));
    }
    const [name, { title, here: [anchor, heading] }] = pages.reduce((a, b) => (a[1].last > b[1].last ? a : b));
    const forget = () => { localStorage.removeItem(PROGRESS); all(".kept").forEach((each) => each.remove()); };
    document.querySelector("article p.buttons")?.after(make("p", { className: "kept" },
      "Go on at ", make("a", { href: `${name}.html${anchor}` }, heading ? `${title} · ${heading}` : title), " ",
      make("button", { type: "button", onclick: forget, title: "It is kept in this browser only" }, "Forget my progress")));
  };

  // A card beside a term says what it means, for mouse, keyboard and touch; without a script, the link's title does.
  const cards = () => {
    const links = all("article a[href*='glossary.html#'][title]");
    if (!links.length) return;
    const more = make("a", { tabIndex: -1 }, "More in the glossary"), text = make("span", {});
    const card = make("div", { className: "term-card", hidden: true }, text, " ", more);
    let timer, term;
    const show = (link) => {
      clearTimeout(timer);
      [term, text.textContent, more.href, card.hidden] = [link, link.getAttribute("aria-description"), link.href, false];
      const lines = link.getClientRects(), below = lines[lines.length - 1].bottom + 6;
      const top = below + card.offsetHeight < innerHeight ? below : lines[0].top - card.offsetHeight - 6;
      const left = Math.max(8, Math.min(lines[0].left, root.clientWidth - card.offsetWidth - 8));
      Object.assign(card.style, { top: `${top + scrollY}px`, left: `${left}px` });
    };
    const hide = () => { clearTimeout(timer); term = undefined; card.hidden = true; };
    const soon = (what) => { clearTimeout(timer); timer = setTimeout(what, 250); };
    for (const link of links) {
      link.setAttribute("aria-description", link.title);
      link.removeAttribute("title");
      link.onpointerenter = ({ pointerType }) => pointerType === "mouse" && soon(() => show(link));
      link.onpointerleave = ({ pointerType }) => pointerType === "mouse" && soon(hide);
      link.onfocus = () => link.matches(":focus-visible") && show(link);
      link.onblur = () => soon(hide);
      link.onclick = (event) => { // the first tap shows the card, the second one follows the link
        if (event.pointerType !== "touch" || term === link) return;
        event.preventDefault();
        show(link);
      };
    }
    card.onpointerenter = () => clearTimeout(timer);
    card.onpointerleave = ({ pointerType }) => pointerType === "mouse" && soon(hide);
    document.addEventListener("keydown", ({ key }) => key === "Escape" && hide());
    document.addEventListener("pointerdown", ({ target }) => !term?.contains(target) && !card.contains(target) && hide());
    document.body.append(card);
  };

  // The search looks through sections. Their words are a script, fetched when they are asked for: also from file://.
  const MOST_HITS = { dialog: 8, page: 60 };
  let asked, gotPages;
  const pages = () => asked ??= new Promise((resolve, reject) => {
    gotPages = resolve;
    const src = `${root.dataset.content_root}search_words.js`;
    document.head.append(make("script", { src, onerror: () => reject(Error("search_words.js is missing: build the site again.")) }));
  });
  const wordsOf = (text) => text.toLowerCase().match(/[\p{L}\p{N}]+/gu) ?? [];
  const stem = (word) => word.replace(/(?<=.{4})(ing|ed|es|e|s)$/, "");
  const find = (query, site) => {
    const words = wordsOf(query), stems = words.map(stem), begin = "(?<![\\p{L}\\p{N}])", end = "[\\p{L}\\p{N}]*";
    if (!words.length) return [];
    const each = stems.map((s) => RegExp(begin + s, "giu")), phrase = RegExp(begin + stems.join(`${end}[^\\p{L}\\p{N}]+`), "giu");
    const hits = [];
    for (const [page, title, sections] of site) for (const [anchor, heading, text] of sections) {
      const inHeading = each.filter((one) => heading.search(one) >= 0).length;
      if (!each.every((one) => heading.search(one) >= 0 || text.search(one) >= 0)) continue;
      const isTitle = wordsOf(heading).map(stem).join() === stems.join();
      const score = 30 * isTitle + 10 * (heading.search(phrase) >= 0) + (4 * inHeading) / stems.length
        + Math.min(text.match(phrase)?.length ?? 0, 5);
      hits.push({ href: `${root.dataset.content_root}${page}#${anchor}`, title, heading, text, score, phrase, each });
    }
    return hits.sort((a, b) => b.score - a.score);
  };
  const excerpt = ({ text, phrase, each }) => {
    const at = Math.max(0, [phrase, ...each].map((one) => text.search(one)).find((i) => i >= 0) ?? 0);
    const from = at < 60 ? 0 : text.indexOf(" ", at - 50) + 1;
    const part = text.slice(from, from + 150).replace(/\s\S*$/, "");
    const marks = part.split(RegExp(`(${each.map((one) => `${one.source}[\\p{L}\\p{N}]*`).join("|")})`, "giu"));
    return marks.map((piece, i) => (i % 2 ? make("mark", {}, piece) : piece));
  };
  const search = (form) => {
    const field = form.querySelector("input"), inDialog = form.closest("dialog");
    const most = inDialog ? MOST_HITS.dialog : MOST_HITS.page;
    const found = make("output", {}), list = make("ol", {}), box = document.getElementById("search-results");
    if (inDialog) form.after(make("div", { className: "search-hits" }, found, list));
    else box?.append(found, list);
    const look = async () => {
      const query = field.value.trim();
      try {
        const hits = query.length < 2 ? [] : find(query, await pages());
        if (query !== field.value.trim()) return; // the reader has typed on
        list.replaceChildren(...hits.slice(0, most).map((hit) => make("li", {}, make("a", { href: hit.href },
          make("strong", {}, hit.heading), make("small", {}, hit.title.endsWith(hit.heading) ? "" : hit.title),
          make("span", {}, ...excerpt(hit))))));
        const rest = hits.length > most ? `, the first ${most} of them${inDialog ? "; Enter shows more" : ""}` : "";
        found.textContent = query.length < 2 ? "" : !hits.length ? `No section has “${query}”.`
          : `${hits.length} section${hits.length > 1 ? "s" : ""}${rest}`;
      } catch (error) { found.textContent = error.message; }
    };
    field.addEventListener("input", look);
    form.parentElement.addEventListener("keydown", (event) => { // arrow keys go through the hits
      const step = { ArrowDown: 1, ArrowUp: -1 }[event.key], links = [field, ...list.querySelectorAll("a")];
      const next = step && links[links.indexOf(document.activeElement) + step];
      if (!next) return;
      event.preventDefault();
      next.focus();
    });
    list.onclick = () => inDialog?.close();
    if (inDialog) return;
    field.value = new URLSearchParams(location.search).get("q") ?? "";
    look();
  };

  // ← and → turn pages where the reader is not at work with something else; ? shows the keys.
  const WORK = ".convbook-page, form, dialog, input, select, textarea, button, summary, [tabindex='0'], [contenteditable]";
  const KEYS = [["←  →", "the page before, the next page"], ["Ctrl K", "search; ↓ ↑ go through what is found"],
    ["Tab", "goes into a figure, where arrow keys move what has the focus"], ["?", "shows these keys"],
    ["Esc", "closes what is open"]];
  const help = () => {
    let dialog = document.getElementById("keys");
    if (!dialog) {
      const rows = KEYS.map(([key, what]) => make("tr", {}, make("th", { scope: "row" }, make("kbd", {}, key)), make("td", {}, what)));
      const close = make("button", { type: "button", autofocus: true, onclick: () => dialog.close() }, "Close");
      dialog = make("dialog", { id: "keys" }, make("h2", {}, "Keys"), make("table", {}, ...rows),
        make("p", {}, "What you predicted and solved stays in this browser. The first page shows it, and can forget it."), close);
      dialog.setAttribute("aria-label", "Keys");
      document.body.append(dialog);
    }
    dialog.showModal();
  };
  let pressed; // what the pointer was last at work with
  addEventListener("pointerdown", ({ target }) => { pressed = target.closest?.(WORK); }, true);
  addEventListener("keydown", (event) => {
    if (event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey) return;
    const at = document.activeElement;
    const isAtWork = pressed || at.closest(WORK) || document.querySelector("dialog[open]");
    if (event.key === "?" && !at.closest("input, select, textarea, [contenteditable]")) help();
    const to = { ArrowLeft: "a.left-prev", ArrowRight: "a.right-next" }[event.key];
    if (to && !event.shiftKey && !isAtWork) document.querySelector(to)?.click();
  });

  document.addEventListener("DOMContentLoaded", () => {
    if (chapter) addEventListener("pagehide", noteWhere);
    else showProgress();
    cards();
    all("form.bd-search").forEach(search);
  });
  return { make, done, note, help, setPages: (site) => gotPages(site) };
})();
