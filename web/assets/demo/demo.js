// The demo page's tabs on a narrow screen. On a wide one both sides are visible and the tabs are hidden.

const tabs = [...document.querySelectorAll('[role="tab"]')];

function choose(tab, focus) {
  for (const t of tabs) {
    t.setAttribute('aria-selected', String(t === tab));
    t.tabIndex = t === tab ? 0 : -1;
  }
  document.body.dataset.tab = tab.id.replace('tab-', '');
  if (focus) tab.focus();
}

for (const [at, tab] of tabs.entries()) {
  tab.addEventListener('click', () => choose(tab, false));
  tab.addEventListener('keydown', (e) => {
    const by = { ArrowRight: 1, ArrowLeft: -1 }[e.key];
    if (by) choose(tabs[(at + by + tabs.length) % tabs.length], true);
  });
}
