package browser

import (
	"context"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"strings"
	"sync"
	"testing"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"

	"eclipse/internal/browsertest"
)

// tlsProxy stands before the router with a certificate of its own, as a load balancer does.
func tlsProxy(t *testing.T, r *router) *httptest.Server {
	t.Helper()
	target, err := url.Parse(r.url())
	if err != nil {
		t.Fatal(err)
	}
	way := &http.Transport{}
	proxy := httptest.NewUnstartedServer(&httputil.ReverseProxy{
		Transport: way,
		ErrorLog:  quiet(),
		Rewrite: func(p *httputil.ProxyRequest) {
			p.SetURL(target)
			p.Out.Host = p.In.Host
			p.SetXForwarded()
		},
	})
	proxy.Config.ErrorLog = quiet()
	proxy.StartTLS()
	t.Cleanup(func() { proxy.Close(); way.CloseIdleConnections() })
	return proxy
}

// quiet drops what a server says about handshakes that the browser gave up.
func quiet() *log.Logger { return log.New(io.Discard, "", 0) }

// hostile is what a site's style sheet may do to everything in it. What turns the body carries off all that is fixed inside.
const hostile = `
html { font-size: 5px; }
body { filter: blur(2px) grayscale(1); transform: rotate(3deg) translateX(-200px); perspective: 9px; will-change: transform; overflow: hidden; height: 300px; }
* { color: lime !important; font: italic 900 40px/3 cursive !important; letter-spacing: 9px !important; text-transform: uppercase !important;
	text-align: right !important; word-spacing: 2em !important; cursor: crosshair !important; border: 7px dashed red !important;
	margin: 13px !important; padding: 17px !important; background: yellow !important; box-sizing: content-box !important; z-index: -5 !important;
	--ink: lime !important; --surface: red !important; --accent: black !important; --font: cursive !important; --s3: 90px !important; }
body * { opacity: .3 !important; filter: blur(3px) !important; rotate: 12deg !important; position: static !important; float: left !important;
	pointer-events: all !important; }
div { display: none !important; visibility: hidden !important; white-space: nowrap; }
button, textarea, section { width: 3px !important; height: 3px !important; background: purple !important; }
#eclipse-chat { display: none !important; inset: auto !important; max-width: 1px; transform: scale(.1); }
`

// strictSite is another origin with a policy that lets nothing in but its own style sheet and the router. Its page
// /hostile has the style sheet against everything; /plain has none.
func strictSite(t *testing.T, chat, proxy string) string {
	t.Helper()
	policy := fmt.Sprintf("default-src 'none'; script-src %s; connect-src %[1]s %s; style-src 'self'; img-src data:; base-uri 'none'; "+
		"form-action 'none'; require-trusted-types-for 'script'; trusted-types 'none'", proxy, strings.Replace(proxy, "https:", "wss:", 1))
	page := func(style string) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "text/html; charset=utf-8")
			w.Header().Set("Content-Security-Policy", policy)
			fmt.Fprintf(w, `<!doctype html><html lang="en"><meta name="viewport" content="width=device-width"><title>A shop</title>
				<link rel="icon" href="data:,">%s<h1>A shop</h1><p>It sells things.</p>
				<script type="module" src="%s/widget.js" data-chat-id="%s"></script>`, style, proxy, chat)
		}
	}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /plain", page(""))
	mux.HandleFunc("GET /hostile", page(`<link rel="stylesheet" href="/hostile.css">`))
	mux.HandleFunc("GET /hostile.css", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/css")
		_, _ = io.WriteString(w, hostile) // a page that has gone needs no style
	})
	site := httptest.NewUnstartedServer(mux)
	site.Config.ErrorLog = quiet()
	site.StartTLS()
	t.Cleanup(site.Close)
	return site.URL
}

// sockets notes the addresses of the sockets that a page opens.
func (tb *tab) sockets() func() []string {
	tb.t.Helper()
	var mu sync.Mutex
	var opened []string
	err := chromedp.Listen(tb.ctx, func(event any) {
		if e, ok := event.(*network.EventWebSocketCreated); ok {
			mu.Lock()
			defer mu.Unlock()
			opened = append(opened, e.URL)
		}
	})
	if err != nil {
		tb.t.Fatal(err)
	}
	tb.run(func(ctx context.Context, t *chromedp.Target) (none chromedp.Void, err error) {
		_, err = cdp.Call(ctx, t, network.Enable, network.EnableParams{})
		return none, err
	})
	return func() []string {
		mu.Lock()
		defer mu.Unlock()
		return append([]string(nil), opened...)
	}
}

func TestTheWidgetOnAnotherSiteBehindTLS(t *testing.T) {
	r := startRouter(t)
	proxy := tlsProxy(t, r)
	chat := r.newChat()
	site := strictSite(t, chat, proxy.URL)
	tb := openTab(t, "about:blank", browsertest.Viewport(1280, 900, false))
	sockets := tb.sockets()
	tb.run(chromedp.Navigate(site + "/hostile"))
	tb.until("widgetOpen() && page.visible('launcher')")

	// By keyboard alone: nothing here clicks or sets the focus.
	const focused = "document.querySelector('#eclipse-chat').shadowRoot.activeElement"
	tb.keys(kb.Tab)
	tb.until(focused + " === page.one('launcher')")
	tb.enter()
	tb.until("page.visible('panel') && " + focused + " === page.one('composer')")
	tb.keys("Do you deliver?")
	tb.enter()
	tb.until("page.says(['Do you deliver?']) && page.allStored()")
	r.tell(chat, "agent", "", "We do.")
	tb.until("page.says(['Do you deliver?', 'We do.'])")
	tb.keys(kb.Escape)
	tb.until("!page.visible('panel') && " + focused + " === page.one('launcher')")
	r.tell(chat, "agent", "", "Anything else?")
	tb.until("page.visible('badge') && page.one('badge').textContent === '1'")
	tb.keys(" ")
	tb.until("page.visible('panel') && !page.visible('badge') && " + focused + " === page.one('composer')")
	tb.keys("No, thank you.")
	tb.keys(kb.Tab)
	tb.until(focused + " === page.one('send')")
	tb.keys(" ")
	tb.until("page.all('message').length === 4 && page.allStored()")
	if got, want := eval[[]string](tb, "page.ids()"), r.ids(chat); fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("the page shows %q, stored is %q", got, want)
	}

	want := strings.Replace(proxy.URL, "https:", "wss:", 1)
	for _, address := range sockets() {
		if strings.TrimSuffix(address, "/") != want {
			t.Errorf("a socket to %q, want %q without a token", address, want)
		}
	}
	if len(sockets()) != 1 {
		t.Errorf("%d sockets", len(sockets()))
	}
}

// looks is the computed style of the widget's host and of everything in it, each with what it is first, and where its
// parts are in the window. Custom properties are left out: what counts is what they bring about.
const looks = `(() => {
	const host = document.querySelector('#eclipse-chat');
	const names = [...getComputedStyle(host)].filter((p) => !p.startsWith('--'));
	const look = (n, pseudo = '') => {
		const style = getComputedStyle(n, pseudo);
		if (pseudo && style.content === 'none') return [];
		return [[n.localName + '.' + (n.getAttribute('class') ?? n.id) + pseudo, ...names.map((p) => p + ': ' + style.getPropertyValue(p))]];
	};
	const places = [host, ...host.shadowRoot.querySelectorAll('.panel, .launcher')].map((n) => ['place', JSON.stringify(n.getBoundingClientRect())]);
	return [host, ...host.shadowRoot.querySelectorAll('*')].flatMap((n) => [...look(n), ...look(n, '::before'), ...look(n, '::after')]).concat(places);
})()`

func TestTheWidgetLooksTheSameOnAHostilePage(t *testing.T) {
	r := startRouter(t)
	proxy := tlsProxy(t, r)
	chat := r.newChat()
	r.tell(chat, "visitor", "", "A question")
	r.tell(chat, "agent", "", "An answer, at https://example.com/")
	site := strictSite(t, chat, proxy.URL)
	lookOf := func(page string) [][]string {
		tb := openTab(t, site+page, browsertest.Viewport(1280, 900, false))
		tb.until("widgetOpen()")
		tb.do("page.one('launcher').click()")
		tb.until("page.says(['A question', 'An answer, at https://example.com/']) && page.visible('panel')")
		tb.until("page.one('presence').textContent === 'We answer here'") // not that the agent is about to go
		tb.until("document.querySelector('#eclipse-chat').shadowRoot.getAnimations().length === 0")
		tb.shoot("widget-" + strings.TrimPrefix(page, "/"))
		list := eval[[][]string](tb, looks)
		tb.do("document.body.replaceWith(document.createElement('body'))") // as some pages do when they go on to the next
		tb.until("page.visible('panel') && widgetOpen()")
		return list
	}
	plain, spoiled := lookOf("/plain"), lookOf("/hostile")
	if len(plain) < 60 || len(plain) != len(spoiled) {
		t.Fatalf("%d and %d nodes", len(plain), len(spoiled))
	}
	faults := 0
	for i, node := range plain {
		for j, style := range node {
			if faults < 20 && style != spoiled[i][j] {
				faults++
				t.Errorf("%s: %s on a plain page, %s on a hostile one", node[0], style, spoiled[i][j])
			}
		}
	}
}
