// What the tests ask of a page as it is shown now: a function that returns plain numbers and texts.
(withLabels) => {
  const channels = (colour) => {
    // A computed colour (rgb(…), color(srgb …), none) as [red, green, blue, alpha] in 0…1.
    const [red = 0, green = 0, blue = 0, alpha = 1] = (colour.match(/[\d.]+(?:e-\d+)?/g) || []).map(Number);
    if (colour.startsWith("color(")) return [red, green, blue, alpha];
    return colour.startsWith("rgb") ? [red / 255, green / 255, blue / 255, alpha] : [0, 0, 0, 0];
  };
  const luminance = (rgb) => {
    const [r, g, b] = rgb.map((c) => (c <= 0.03928 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4));
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const contrast = (one, other) => {
    const [dark, light] = [luminance(one.slice(0, 3)), luminance(other.slice(0, 3))].sort((a, b) => a - b);
    return (light + 0.05) / (dark + 0.05);
  };
  const background = (element) => {
    // The nearest background that covers what is behind; a page without one is white paper.
    for (let e = element; e; e = e.parentElement) {
      const colour = channels(getComputedStyle(e).backgroundColor);
      if (colour[3] > 0.5) return colour;
    }
    return [1, 1, 1, 1];
  };
  const visible = (element) => {
    const box = element.getBoundingClientRect();
    return box.width > 0 && box.height > 0 && element.checkVisibility({ checkOpacity: true, checkVisibilityCSS: true });
  };
  const shown = (selector) => [...document.querySelectorAll(selector)].filter(visible);

  // Running text, without the bars above folded code; an element that only holds other elements says nothing itself.
  const speaks = (e) => [...e.childNodes].some((node) => node.nodeType === 3 && node.data.trim());
  const running = "article :is(p, li, td, th, h1, h2, h3, summary):not(.hide > summary, .hide > summary *)";
  const texts = shown(running).filter(speaks).map((e) => ({
    text: e.textContent.trim().slice(0, 60),
    live: e.closest(".convbook-live") !== null,
    contrast: contrast(channels(getComputedStyle(e).color), background(e)),
    luminance: luminance(channels(getComputedStyle(e).color).slice(0, 3)),
  }));

  // Text in drawings: against the shape that lies under its middle, or the page; over a picture nothing can be said.
  const covers = (style) => channels(style.fill)[3] * style.fillOpacity > 0.5;
  const isPicture = (e) => ["image", "CANVAS"].includes(e?.tagName);
  const labels = (withLabels ? shown("svg text") : []).map((e) => {
    e.scrollIntoView({ block: "center" });
    const box = e.getBoundingClientRect();
    const under = document.elementsFromPoint(box.x + box.width / 2, box.y + box.height / 2)
      .find((o) => isPicture(o) || (o instanceof SVGGeometryElement && covers(getComputedStyle(o))));
    const behind = under && !isPicture(under) ? channels(getComputedStyle(under).fill) : background(e);
    const ink = channels(getComputedStyle(e).fill);
    return { text: e.textContent, contrast: isPicture(under) ? null : contrast(ink, behind) };
  });
  window.scrollTo(0, 0);
  const lettersPx = (e) => {
    const { a, b } = e.getScreenCTM(); // text may be turned
    return parseFloat(getComputedStyle(e).fontSize) * Math.hypot(a, b);
  };

  const prose = (selector) => [...document.querySelectorAll(selector)].map((e) => {
    const copy = e.cloneNode(true);
    copy.querySelectorAll("code, pre, math").forEach((part) => part.remove());
    return copy.textContent.slice(0, 80);
  });
  const scrolls = (e) => e.tagName !== "BODY" && e.tagName !== "HTML" && getComputedStyle(e).overflowX !== "visible";
  const sticksOut = (element) => {
    if (element.getBoundingClientRect().right <= innerWidth + 1) return false;
    for (let e = element; e; e = e.parentElement) if (scrolls(e)) return false;
    return true;
  };
  const name = (e) => e.getAttribute("aria-label") || e.getAttribute("alt") || e.querySelector?.("title")?.textContent || "";
  const attributes = (selector, attribute) => [...document.querySelectorAll(selector)].map((e) => e[attribute]);
  return {
    lang: document.documentElement.lang,
    title: document.title,
    h1: document.querySelectorAll("h1").length,
    nameless: [...document.querySelectorAll("img:not([alt]), article .output img[alt=''], article .output svg[role=img]")]
      .filter((e) => !name(e).trim()).map((e) => e.outerHTML.slice(0, 80)),
    maths: document.querySelectorAll("math").length,
    rawMaths: prose("article :is(p, li, td, th)").filter((text) => /\\\(|\\\[|\\[a-z]{3}|\$/.test(text)),
    scripts: attributes("script[src]", "src"),
    background: luminance(background(document.body).slice(0, 3)),
    texts,
    figures: document.querySelectorAll(".convbook-page").length,
    stills: document.querySelectorAll(".convbook-still").length,
    live: shown(".convbook-live.convbook-figure").length,
    labels,
    letters: shown("svg text").map((e) => ({ text: e.textContent, heightPx: lettersPx(e) })),
    scrollWidth: document.scrollingElement.scrollWidth,
    tooWide: shown("article *").filter(sticksOut).slice(0, 3).map((e) => e.outerHTML.slice(0, 120)),
    cutOff: shown("div.cell_input pre, div.cell_output pre, div.cell_output:has(.evidence)")
      .filter((e) => e.scrollWidth > e.clientWidth + 1).map((e) => e.textContent.trim().slice(0, 60)),
    article: shown("article p").length,
    furniture: shown(".bd-sidebar, .bd-header, .article-header-buttons, .copybtn, #pst-back-to-top, button")
      .filter((e) => !e.closest(".convbook-live")).map((e) => e.outerHTML.slice(0, 80)),
    folded: [...document.querySelectorAll("details:not(.cb-details)")].map((e) => e.open),
    cells: document.querySelectorAll("div.cell").length,
    copyButtons: document.querySelectorAll("button.copybtn").length,
  };
}
