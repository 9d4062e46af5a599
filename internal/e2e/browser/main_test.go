package browser

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
	"go.uber.org/goleak"

	"eclipse/internal/browsertest"
)

// patience bounds every wait; nothing that works takes nearly as long.
const patience = 40 * time.Second

// startBrowser runs one Chromium for the whole package.
var startBrowser = sync.OnceValues(func() (ctx context.Context, err error) {
	ctx, stopBrowser, err = browsertest.Start(chromedp.Flag("ignore-certificate-errors", true)) // for the proxy with a certificate of its own
	return ctx, err
})

var stopBrowser = func() {}

func TestMain(m *testing.M) {
	code := m.Run()
	stopBrowser()
	http.DefaultClient.CloseIdleConnections()
	if code == 0 {
		if err := goleak.Find(); err != nil {
			fmt.Fprintln(os.Stderr, err)
			code = 1
		}
	}
	os.Exit(code)
}
