// Package browser proves the router in a real browser: it starts the whole router in this process, with the stand-in
// for the Next.js API behind it or an API that can be made to fail, and drives Chromium over the pages that the router
// serves. It holds tests only, skips them where there is no Chromium, and listens on 127.0.0.1 alone.
//
// What a page logs as an error, and every exception in it, fails the test, except for the network faults that the
// browser reports while a test has the server away.
//
// With E2E_SHOTS set to a folder, TestPictures writes pictures of the demo there instead of being skipped.
package browser
