package browser

import (
	"fmt"
	"testing"

	"github.com/chromedp/chromedp"

	"eclipse/internal/browsertest"
)

// brightness of an element's ground, from 0 to 255.
const brightness = `((n) => { const c = getComputedStyle(n).backgroundColor.match(/[\d.]+/g).map(Number); return (c[0] + c[1] + c[2]) / 3; })`

func TestTheDemoOnAPhoneInTheDark(t *testing.T) {
	r := startRouter(t)
	tb := openTab(t, r.url()+"/", browsertest.Viewport(390, 844, true), scheme("dark"))
	tb.until("widgetOpen() && page.visible('panel') && !page.one('panel').getAnimations().length")
	tb.say("page", "from a phone")
	tb.until("page.says(['from a phone']) && page.allStored()")
	fits(tb, "page", "document")

	tb.run(chromedp.Click(chromedp.CSS("#tab-agents")))
	tb.until("agents.visible('chat-list') && agents.all('chat-row').length === 1 && frame().body.dataset.connection === 'open'")
	tb.do("agents.one('chat-row').click()")
	tb.until("agents.says(['from a phone']) && agents.visible('back') && !agents.visible('chat-list')")
	tb.say("agents", "to a phone")
	tb.until("agents.says(['from a phone', 'to a phone']) && agents.allStored()")
	fits(tb, "agents", "frame()")
	tb.do("agents.one('back').click()")
	tb.until("agents.visible('chat-list')")

	tb.run(chromedp.Click(chromedp.CSS("#tab-visitor")))
	tb.until("page.visible('panel') && page.says(['from a phone', 'to a phone'])")
	for _, ground := range []string{"page.one('panel')", "document.body", "frame().body"} {
		if got := eval[float64](tb, brightness+"("+ground+")"); got > 60 {
			t.Errorf("%s has a brightness of %.0f in the dark", ground, got)
		}
	}
}

// fits fails where a page has to be scrolled sideways, or the composer or a button is cut off or too small for a finger.
func fits(tb *tab, view, document string) {
	tb.t.Helper()
	if got := eval[int](tb, document+".documentElement.scrollWidth"); got > 390 {
		tb.t.Errorf("%s is %d px wide on a phone of 390", view, got)
	}
	bad := eval[[]string](tb, fmt.Sprintf(`((v) => [...v.all('composer'), ...v.all('send'), ...v.all('close'), ...v.all('back')]
		.filter((n) => n.checkVisibility())
		.map((n) => [n.dataset.testid, n.getBoundingClientRect(), n.ownerDocument.defaultView])
		.filter(([, b, w]) => b.left < 0 || b.right > w.innerWidth || b.bottom > w.innerHeight || b.width < 36 || b.height < 36)
		.map(([id, b]) => id + ' ' + JSON.stringify(b)))(%s)`, view))
	for _, b := range bad {
		tb.t.Errorf("%s: %s", view, b)
	}
}

func TestTheDemoInLightIsLight(t *testing.T) {
	r := startRouter(t)
	tb := openTab(t, r.url()+"/", browsertest.Viewport(1440, 900, false), scheme("light"))
	tb.until("widgetOpen() && page.visible('panel') && agents.visible('chat-list')")
	for _, ground := range []string{"page.one('panel')", "document.body", "frame().body"} {
		if got := eval[float64](tb, brightness+"("+ground+")"); got < 200 {
			t.Errorf("%s has a brightness of %.0f in the light", ground, got)
		}
	}
}
