// Makes DOM nodes. Text only ever goes in as text; there is no way here to set markup.

/**
 * @param {string} tag
 * @param {Record<string, unknown>} [props] attributes; `on…` functions are listeners; null and false are left out
 * @param {...(Node | string | null)} children
 */
export function h(tag, props = {}, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(props)) {
    if (value === null || value === undefined || value === false) continue;
    if (typeof value === 'function') node.addEventListener(name.slice(2), value);
    else node.setAttribute(name, value === true ? '' : String(value));
  }
  node.append(...children.filter((c) => c !== null));
  return node;
}

const SVG = 'http://www.w3.org/2000/svg';

/** A line icon of 24 by 24. @param {...string} paths */
export function icon(...paths) {
  const svg = document.createElementNS(SVG, 'svg');
  svg.setAttribute('viewBox', '0 0 24 24');
  svg.setAttribute('aria-hidden', 'true');
  svg.setAttribute('class', 'icon');
  for (const d of paths) {
    const path = document.createElementNS(SVG, 'path');
    path.setAttribute('d', d);
    svg.append(path);
  }
  return svg;
}

export const icons = {
  send: () => icon('M5 12 20 4.5 15.5 20 11.5 13.5Z', 'M11.5 13.5 20 4.5'),
  close: () => icon('M6 6 18 18', 'M18 6 6 18'),
  chat: () => icon('M4 6.5A2.5 2.5 0 0 1 6.5 4h11A2.5 2.5 0 0 1 20 6.5v7a2.5 2.5 0 0 1-2.5 2.5H11l-4.5 4v-4A2.5 2.5 0 0 1 4 13.5Z'),
  down: () => icon('M6 10 12 16 18 10'),
  back: () => icon('M15 5 8 12 15 19'),
};

/** Sets text only where it changed, so that live regions speak once. */
export function setText(node, text) {
  if (node.textContent !== text) node.textContent = text;
}

export function adopt(root, ...styles) {
  const sheets = styles.map((css) => {
    const sheet = new CSSStyleSheet(); // constructed sheets pass any site's style-src policy
    sheet.replaceSync(css);
    return sheet;
  });
  root.adoptedStyleSheets = [...root.adoptedStyleSheets, ...sheets];
}

/** Whether a key belongs to an input method: Safari ends a composition before the key that ends it. */
export const composing = (e) => e.isComposing || e.keyCode === 229;
