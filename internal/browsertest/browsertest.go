// Package browsertest runs Chromium without a window for the tests of pages. Only tests may import it. It blocks while
// Chromium starts, imports nothing of ours and reads no environment.
package browsertest

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"
)

// Step is something done in a tab.
type Step = chromedp.Action[chromedp.Void]

// startTimeout is how long Chromium may take to say where it listens, on a busy machine.
const startTimeout = 60 * time.Second

// Executable is the path of Chromium, "" where there is none.
func Executable() string {
	for _, name := range []string{"chromium", "chromium-browser", "google-chrome"} {
		if path, err := exec.LookPath(name); err == nil {
			return path
		}
	}
	return ""
}

// Start runs a Chromium with a profile of its own, which stop removes. The switches keep it from calling home.
func Start(more ...chromedp.ExecAllocatorOption) (ctx context.Context, stop func(), err error) {
	profile, err := os.MkdirTemp("", "chromium-")
	if err != nil {
		return nil, func() {}, err
	}
	options := append(slices.Clone(chromedp.DefaultExecAllocatorOptions[:]),
		chromedp.ExecPath(Executable()), chromedp.UserDataDir(profile), chromedp.NoSandbox, chromedp.DisableGPU, chromedp.NoFirstRun,
		chromedp.Flag("disable-quic", true), chromedp.Flag("disable-background-networking", true),
		chromedp.Flag("disable-component-update", true), chromedp.Flag("disable-sync", true),
		chromedp.WSURLReadTimeout(startTimeout))
	alloc, stopAlloc := chromedp.NewExecAllocator(context.Background(), append(options, more...)...)
	ctx, cancel := chromedp.NewContext(alloc)
	stop = func() {
		cancel()
		stopAlloc()
		_ = os.RemoveAll(profile) // Chromium may still write: what stays is in the folder for temporary files
	}
	return ctx, stop, chromedp.Do(ctx)
}

// Shoot keeps a picture of a tab as dir/name.png; with an empty dir it does nothing.
func Shoot(t testing.TB, tab context.Context, dir, name string) {
	t.Helper()
	if dir == "" {
		return
	}
	png, err := chromedp.Run(tab, chromedp.CaptureScreenshot())
	if err != nil {
		t.Logf("picture %s: %v", name, err)
		return
	}
	if err := os.WriteFile(filepath.Join(dir, name+".png"), png, 0o644); err != nil {
		t.Error(err)
	}
}

// Viewport makes a tab as large as a window, or a phone where mobile is set.
func Viewport(width, height int64, mobile bool) Step {
	return func(ctx context.Context, t *chromedp.Target) (none chromedp.Void, err error) {
		_, err = cdp.Call(ctx, t, emulation.SetDeviceMetricsOverride, emulation.SetDeviceMetricsOverrideParams{
			Width: width, Height: height, DeviceScaleFactor: 1, Mobile: mobile,
		})
		return none, err
	}
}
