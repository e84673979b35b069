// Predict boxes that wait, and exercises that the page checks (convbook_answers.py). Without a script all is in sight.
const checks = {};
(() => {
  const KEY = "convbook-show-answers";
  const root = document.documentElement;
  const { make, done, note } = way;
  const wantsAll = () => {
    try { return localStorage.getItem(KEY) === "yes"; } catch { return root.classList.contains("answers-shown"); }
  };
  const showAll = (all) => {
    root.classList.toggle("answers-shown", all);
    try { localStorage.setItem(KEY, all ? "yes" : "no"); } catch { /* nothing can be stored: for this page only */ }
    dispatchEvent(new Event("resize")); // a figure that was hidden had no width
  };
  root.classList.add("answers-wait");
  root.classList.toggle("answers-shown", wantsAll());

  // "1,000", "−3", "(5 * 5 + 1) × 8" and "1/255" are numbers; anything else is NaN.
  const asNumber = (text) => {
    const sum = text.trim().replace(/[−–]/g, "-").replace(/[×·]/g, "*").replace(/,(?=\d{3}(?!\d))/g, "");
    if (!/^[\d.+\-*/() e]+$/.test(sum)) return NaN;
    try { return Number(Function(`return (${sum})`)()); } catch { return NaN; }
  };
  // "27, 28", "conv, pool" and "(3, 2, same), (3, 2, same)" are lists; anything else is undefined.
  const asList = (text) => {
    const items = text.trim().replace(/^\[(.*)\]$/s, "$1").replace(/["']/g, "").replace(/[A-Za-z_]\w*/g, '"$&"');
    const tuples = (x) => (Array.isArray(x) ? py.tuple(x.map(tuples)) : x);
    try {
      return JSON.parse(`[${items.replace(/[(]/g, "[").replace(/[)]/g, "]")}]`).map(tuples);
    } catch { return undefined; }
  };

  // What was answered before stands there again: the values of a form's fields, by the question that they answer.
  const valueOf = (field) => (field.type === "radio" ? "checked" : "value");
  const values = (fields) => fields.map((field) => field[valueOf(field)]);
  const fill = (fields, given) => fields.forEach((field, i) => { field[valueOf(field)] = given[i]; });

  const waitFor = (form) => {
    const { number, right } = form.dataset, wanted = JSON.parse(right), quote = form.closest("blockquote");
    const answers = [...document.querySelectorAll(`.answer-${number}`)], list = quote.querySelector("ul.choices");
    const hasNumber = wanted.number !== undefined, said = make("output", {});
    const question = quote.textContent.trim().slice(0, 80);
    quote.id ||= `predict-${number}`;
    const link = make("a", { href: `#${quote.id}` }, "your prediction");
    const waiting = make("div", { className: "waiting" }, "The answer waits for ", link, ".");
    answers[0]?.before(waiting);
    if (list) {
      form.append(list);
      for (const item of list.children) {
        const choice = make("input", { type: "radio", name: `predict-${number}`, required: true });
        item.replaceChildren(make("label", {}, choice, ...(item.querySelector("p") ?? item).childNodes));
      }
    } else if (hasNumber) {
      const field = make("input", { className: "numbers", autocomplete: "off", required: true });
      form.append(make("label", {}, "Your number: ", field));
    }
    form.append(make("button", {}, list || hasNumber ? "This is my prediction" : "I have made my prediction"), said);
    const fields = [...form.querySelectorAll("input")];
    const judge = () => {
      if (list) {
        const items = [...list.children], chosen = fields.findIndex((field) => field.checked);
        if (chosen < 0) return undefined;
        if (!wanted.choice) return "Now compare it with what the page shows.";
        const isRight = chosen === wanted.choice - 1;
        items[chosen].classList.add("said");
        items[wanted.choice - 1].classList.add("right");
        const answer = items[wanted.choice - 1].textContent;
        return isRight ? "Your prediction held." : `Your prediction did not hold. It is: ${answer}.`;
      }
      if (!hasNumber) return "Now compare it with what the page shows.";
      const given = asNumber(fields[0].value);
      if (Number.isNaN(given)) return undefined;
      const [least, most] = Array.isArray(wanted.number) ? wanted.number : [wanted.number, wanted.number];
      const truth = least === most ? `It is ${least.toLocaleString("en")}.` : `It lies between ${least} and ${most}.`;
      return `Your prediction ${given >= least && given <= most ? "held" : "did not hold"}. ${truth}`;
    };
    form.onsubmit = (event) => {
      event?.preventDefault();
      const verdict = judge();
      said.textContent = verdict ?? "Write a number, for example 12.";
      if (verdict === undefined) return;
      form.classList.add("done");
      form.querySelectorAll("input, button").forEach((each) => { each.disabled = true; });
      answers.forEach((answer) => answer.classList.add("open"));
      waiting.remove();
      dispatchEvent(new Event("resize"));
      note("predictions", question, values(fields));
    };
    const before = done("predictions", question);
    if (before) {
      fill(fields, before);
      form.onsubmit();
    }
  };

  const checkHere = (form) => {
    const said = make("output", {}), fields = [...form.querySelectorAll("input, select")];
    form.append(make("button", {}, "Check"), said);
    form.hidden = false;
    form.parentElement.querySelector(".cell_output")?.remove(); // what the stub printed
    const read = (field) => {
      if (field.tagName === "SELECT") return field.value;
      return field.className === "lists" ? asList(field.value) : asNumber(field.value);
    };
    form.onsubmit = (event) => {
      event?.preventDefault();
      const given = fields.map(read), odd = given.findIndex((value) => value === undefined || Number.isNaN(value));
      const isList = fields[odd]?.className === "lists";
      const { passed, message } = odd < 0 ? judged(form.dataset.check, given)
        : { message: `“${fields[odd].value}” is no ${isList ? "list, with commas between" : "number"}.` };
      said.className = passed ? "passed" : "";
      said.textContent = `${passed ? "Correct." : "Not yet."} ${message}`;
      if (passed) note("exercises", form.dataset.check, values(fields));
    };
    const before = done("exercises", form.dataset.check);
    if (before) {
      fill(fields, before);
      form.onsubmit();
    }
  };
  const judged = (check, values) => {
    try { return checks[check](() => values.shift()); } catch (error) {
      if (error.kind === "Stop") return error.feedback;
      throw error;
    }
  };

  const openLinked = () => { // whoever was sent a link to a figure sees it
    const target = document.getElementById(decodeURIComponent(location.hash.slice(1).split("?")[0]));
    if (!target?.closest(".answer")) return;
    target.closest(".answer").classList.add("open");
    target.scrollIntoView();
  };
  addEventListener("hashchange", openLinked);

  document.addEventListener("DOMContentLoaded", () => {
    openLinked();
    const predictions = document.querySelectorAll("form.predict");
    try { predictions.forEach(waitFor); } catch (error) {
      root.classList.remove("answers-wait"); // rather no waiting than answers that nobody can reach
      throw error;
    }
    document.querySelectorAll("form.exercise").forEach(checkHere);
    if (predictions.length) {
      const all = make("input", { type: "checkbox", checked: wantsAll(), onchange: () => showAll(all.checked) });
      document.querySelector("article h1").after(make("label", { className: "show-answers" }, all, "Show all answers"));
    }
  });
})();
